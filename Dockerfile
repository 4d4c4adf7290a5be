# The assistant: built with a toolchain, run without one, by a user who owns only its state.
FROM rust:1.95.0-slim-bookworm AS build

# libopus is compiled along with the program and linked into it.
RUN apt-get update && \
    apt-get install -y --no-install-recommends cmake make g++ && \
    rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY . .
# What cargo downloads and compiles stays between builds, outside of the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --locked --release --package mumble-ai --features minilm && \
    install -D target/release/mumble-ai /out/mumble-ai && \
    strip --strip-debug /out/mumble-ai

FROM debian:12.13-slim

# The certificates are for engines that are reached by https.
RUN apt-get update && \
    apt-get install -y --no-install-recommends ca-certificates && \
    rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /var/lib/mumble-ai assistant && \
    install -d -m 0700 -o assistant -g assistant /var/lib/mumble-ai

COPY --from=build /out/mumble-ai /usr/local/bin/mumble-ai
RUN mumble-ai --version

# Inside of a container, loopback is nobody else's; compose decides who may reach the port.
ENV STATE_DIR=/var/lib/mumble-ai \
    HEALTH_BIND=0.0.0.0
VOLUME /var/lib/mumble-ai
EXPOSE 8080
USER assistant
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["mumble-ai", "health"]
ENTRYPOINT ["mumble-ai"]
CMD ["bot"]
