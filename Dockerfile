# syntax=docker/dockerfile:1
#
#   docker build -t flowmend .
#   docker run --rm flowmend demo --for 20s
#   docker run -d --name flowmend \
#     -v /etc/flowmend:/etc/flowmend:ro -v flowmend:/var/lib/flowmend flowmend
#
# The configuration is mounted at /etc/flowmend (flowmend.toml and the file with the secret), the
# store is on the volume /var/lib/flowmend. You can replace both base images with your own.

ARG BUILDER=docker.io/library/rust:1.95-slim-bookworm
ARG RUNTIME=docker.io/library/debian:bookworm-slim

FROM ${BUILDER} AS build
WORKDIR /src
# Dependencies first, so that this layer is rebuilt only when they change.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src benches/engine \
 && echo '//! Only here to build the dependencies.' > src/lib.rs \
 && printf '//! Only here to build the dependencies.\nfn main() {}\n' | tee src/main.rs > benches/engine/main.rs \
 && cargo build --release --locked \
 && rm -r src benches
COPY . .
# The file dates must be newer than those of the stand-ins above.
RUN find src -name '*.rs' -exec touch {} + && cargo build --release --locked

FROM ${RUNTIME}
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates \
 && apt-get clean \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/log/apt /var/log/dpkg.log \
 && groupadd --gid 10001 flowmend \
 && useradd --uid 10001 --gid flowmend --no-create-home --home-dir /var/lib/flowmend --shell /usr/sbin/nologin flowmend \
 && install -d -o flowmend -g flowmend -m 0700 /var/lib/flowmend \
 && install -d -m 0755 /etc/flowmend
COPY --from=build /src/target/release/flowmend /usr/local/bin/flowmend
USER 10001:10001
WORKDIR /var/lib/flowmend
VOLUME /var/lib/flowmend
# A daemon that stops waits for calls in flight: allow adobe.request_timeout plus ten seconds,
# for example `docker run --stop-timeout 60`.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/flowmend"]
CMD ["run"]
