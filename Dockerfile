# syntax=docker/dockerfile:1
#
#   docker build -t flowmend .
#   docker run --rm flowmend demo --for 20s
#   docker run -d --name flowmend --read-only --cap-drop all --stop-timeout 60 \
#     -v /etc/flowmend:/etc/flowmend:ro -v flowmend:/var/lib/flowmend flowmend
#
# The configuration is mounted at /etc/flowmend (flowmend.toml and the file with the secret); user 10001
# must be able to read it. The store is on the volume /var/lib/flowmend.

# Both base images can be replaced. The first needs Rust, a C compiler, libc.a and CA certificates. The
# second may be empty, because the program is linked statically.
ARG BUILDER=docker.io/library/rust:1.95-slim-bookworm
ARG RUNTIME=scratch

FROM ${BUILDER} AS build
WORKDIR /src
ENV RUSTFLAGS="-C target-feature=+crt-static"
# With --target, the flags do not apply to build scripts and procedural macros, which cannot be static.
RUN rustc -vV | sed -n 's/^host: //p' >/target
# Dependencies first, so that this layer is rebuilt only when they change.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src benches/engine \
 && echo '//! Only here to build the dependencies.' >src/lib.rs \
 && printf '//! Only here to build the dependencies.\nfn main() {}\n' | tee src/main.rs >benches/engine/main.rs \
 && cargo build --release --locked --features static --target "$(cat /target)" \
 && rm -r src benches
COPY . .
ARG REVISION=unknown
# The file dates must be newer than those of the stand-ins above.
RUN find src -name '*.rs' -exec touch {} + \
 && FLOWMEND_REVISION=${REVISION} cargo build --release --locked --features static --target "$(cat /target)" \
 && install -D "target/$(cat /target)/release/flowmend" /image/usr/local/bin/flowmend \
 && install -D -m 0644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
 && install -d -m 0755 /image/etc/flowmend \
 && install -d -m 0700 /state

FROM ${RUNTIME}
ARG REVISION=unknown
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="flowmend" \
      org.opencontainers.image.description="Re-triggers failed Adobe Experience Platform dataflow runs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /image /
COPY --from=build --chown=10001:10001 /state /var/lib/flowmend
USER 10001:10001
WORKDIR /var/lib/flowmend
# The only directory that can be written to if the root file system is read-only; `demo` needs one.
ENV TMPDIR=/var/lib/flowmend
VOLUME /var/lib/flowmend
# A daemon that stops waits for calls in flight: allow adobe.request_timeout plus ten seconds,
# for example `docker run --stop-timeout 60`.
STOPSIGNAL SIGTERM
# /livez of the running daemon. A daemon with http.listen = "" needs `docker run --no-healthcheck`.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
  CMD ["/usr/local/bin/flowmend", "health"]
ENTRYPOINT ["/usr/local/bin/flowmend"]
CMD ["run"]
