# syntax=docker/dockerfile:1
# docker build --build-arg REVISION="$(git rev-parse --short HEAD)" -t packager_exporter .
FROM node:20-bookworm-slim AS page
WORKDIR /src/ui
# Installed again only when the lock file changes.
COPY ui/package.json ui/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY ui .
RUN npm run build

FROM rust:1.95-bookworm AS rust
WORKDIR /src
RUN cargo install --locked cargo-chef@0.1.73

# The dependencies of Cargo.toml and Cargo.lock, without any source.
FROM rust AS recipe
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM rust AS build
COPY --from=recipe /src/recipe.json .
# Compiled again only when a dependency changes.
RUN cargo chef cook --locked --release --package packager_exporter --bin packager_exporter --recipe-path recipe.json
COPY . .
COPY --from=page /src/ui/dist ui/dist
ARG REVISION=""
ENV PACKAGER_EXPORTER_REVISION=$REVISION
RUN cargo build --locked --release --package packager_exporter --bin packager_exporter \
  && strip target/release/packager_exporter

# glibc, CA certificates and a user without rights; no shell.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/packager_exporter /usr/local/bin/packager_exporter
COPY config /etc/packager_exporter
EXPOSE 10115
HEALTHCHECK --interval=10s CMD ["packager_exporter", "healthcheck"]
ENTRYPOINT ["packager_exporter"]
CMD ["serve", "--config.file", "/etc/packager_exporter/exporter.yml"]
