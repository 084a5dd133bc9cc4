# The image that a pipeline's worker service and a build step run: the binary, which has the C library in it, the certificate
# authorities, and nothing else, so neither a shell nor a package manager.
#
#     docker build --tag evenkeel .
#     docker build --tag evenkeel --build-arg TARGETARCH=arm64 .
#     docker buildx build --tag evenkeel --platform linux/amd64,linux/arm64 --push .
#
# BuildKit sets TARGETARCH and BUILDPLATFORM; the classic builder does not know them, and without them an image is for the
# architecture that it is built on. Nothing here needs BuildKit.

ARG RUST_IMAGE=rust:1.95.0-slim-bookworm

# The compiler runs on the builder's own architecture, also when the image is for another: emulated, it would take hours.
FROM --platform=${BUILDPLATFORM:-linux} ${RUST_IMAGE} AS build
ARG TARGETARCH
WORKDIR /build

# What differs between architectures, once for all steps below. An image for another architecture needs a linker and a C
# library for it, which come from the distribution. Linked statically, the C library is a third as large, since only what is
# called is in it; it reads /etc/hosts and asks the name servers without a module since 2.34. Relocations are a thirteenth of
# the binary, but for their short form, which the C library reads since 2.36 and the distribution's linker writes for amd64
# alone.
RUN set -eu; \
    own=$(dpkg --print-architecture); \
    target=${TARGETARCH:-$own}; \
    case $target in \
        amd64) machine=x86_64 short=' -C link-arg=-Wl,-z,pack-relative-relocs' ;; \
        arm64) machine=aarch64 short= ;; \
        *) echo "TARGETARCH is $target; the image is made for amd64 and arm64" >&2; exit 1 ;; \
    esac; \
    cross=; \
    if [ "$target" != "$own" ]; then \
        rustup target add "$machine-unknown-linux-gnu"; \
        apt-get update -qq; \
        apt-get install -qq --no-install-recommends "gcc-$(echo $machine | tr _ -)-linux-gnu" "libc6-dev-$target-cross" >&2; \
        cross="-$target-cross"; \
    fi; \
    { \
        echo "export CARGO_BUILD_TARGET=$machine-unknown-linux-gnu"; \
        echo "export CC_${machine}_unknown_linux_gnu=$machine-linux-gnu-gcc"; \
        echo "export CARGO_TARGET_$(echo $machine | tr a-z A-Z)_UNKNOWN_LINUX_GNU_LINKER=$machine-linux-gnu-gcc"; \
        echo "export RUSTFLAGS='-C target-feature=+crt-static$short'"; \
        echo "cross=$cross"; \
    } > /target.env

# The dependencies have a layer of their own, which stays until the lock file changes: they are compiled for a program that
# does nothing.
COPY Cargo.toml Cargo.lock ./
COPY crates/core/Cargo.toml crates/core/
COPY crates/sandbox/Cargo.toml crates/sandbox/
RUN set -eu; . /target.env; \
    mkdir -p src examples/measure examples/pace crates/core/src crates/sandbox/src; \
    echo 'fn main() {}' | tee src/main.rs examples/pace/main.rs > examples/measure/main.rs; \
    : | tee src/lib.rs crates/core/src/lib.rs > crates/sandbox/src/lib.rs; \
    cargo build --locked --release --no-default-features --package evenkeel; \
    rm -r src crates/core/src

COPY crates/core/src crates/core/src
COPY src src
# Cargo goes by the time of a file, and these may be older than the program that does nothing.
RUN set -eu; . /target.env; \
    find src crates -exec touch {} +; \
    cargo build --locked --release --no-default-features --package evenkeel; \
    cp "target/$CARGO_BUILD_TARGET/release/evenkeel" /evenkeel

# The runtime's files, each at the place where it will be. Their times are fixed, so that equal content is an equal layer.
RUN set -eu; \
    mkdir -p /runtime/etc/ssl/certs /runtime/home/nonroot/.aws /runtime/work; \
    cp --dereference /etc/ssl/certs/ca-certificates.crt /runtime/etc/ssl/certs/; \
    echo 'hosts: files dns' > /runtime/etc/nsswitch.conf; \
    printf '%s\n' 'root:x:0:0:root:/root:/sbin/nologin' 'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin' > /runtime/etc/passwd; \
    printf '%s\n' 'root:x:0:' 'nonroot:x:65532:' > /runtime/etc/group; \
    chown -R 65532:65532 /runtime/home/nonroot; \
    find /runtime /evenkeel -exec touch --date=@0 {} +

# What the image is made of, for pipeline/sbom.py: the crates, and the packages of the C library, the compiler's library and
# the authorities. One that is only known has no version.
RUN set -eu; . /target.env; \
    cargo metadata --locked --format-version 1 --no-default-features --filter-platform "$CARGO_BUILD_TARGET" > /crates.json; \
    dpkg-query --show --showformat '${Package} ${Version} ${Architecture}\n' "libc6-dev$cross" "libgcc-*-dev$cross" ca-certificates | \
        grep --extended-regexp '^[^ ]+ [^ ]+ [^ ]+$' > /packages

FROM scratch
COPY --from=build /runtime/ /
COPY --from=build /evenkeel /evenkeel

ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="Evenkeel" \
      org.opencontainers.image.description="The deploy step for Amazon ECS that keeps Terraform on an even keel" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

ENV HOME=/home/nonroot SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
# By number, so that an orchestrator can see that it is not root.
USER 65532:65532
WORKDIR /work
STOPSIGNAL SIGTERM
ENTRYPOINT ["/evenkeel"]
