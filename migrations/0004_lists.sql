-- Lists are read in the order of ids, a page at a time. Where a filter leaves few rows, these keep a page from reading all of them.

CREATE INDEX channels_4k ON channels (id) WHERE is_4k;
CREATE INDEX channels_disabled ON channels (id) WHERE NOT enabled;
-- The label: alerts also name channels that are not in the table.
CREATE INDEX alerts_label ON alerts ((labels->>'channel'), id);
CREATE INDEX alerts_severity ON alerts (severity, id);
CREATE INDEX alerts_started ON alerts (starts_at);
