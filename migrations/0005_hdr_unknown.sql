-- A channel that nobody called HDR or SDR is neither: NULL is unknown, and then no dynamic range is expected of its streams. Rows that
-- are here keep their value, because a written false and the former default look the same.

ALTER TABLE channels ALTER COLUMN is_hdr DROP DEFAULT, ALTER COLUMN is_hdr DROP NOT NULL;
