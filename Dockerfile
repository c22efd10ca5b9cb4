# SPDX-License-Identifier: Apache-2.0
#
# Two stages: the build, and a root that holds certroll, the libraries it needs, their packages' licences
# and the CA certificates, nothing else: no shell, no package manager.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
        gcc libc6-dev make pkg-config ca-certificates binutils \
        libssl-dev libcurl4-openssl-dev libidn2-dev libyaml-dev libwebsockets-dev libjansson-dev \
        libldns-dev libpsl-dev publicsuffix
WORKDIR /src
COPY Makefile ./
COPY hack/gen-registry hack/
COPY controller controller
ARG VERSION=0.1.0-dev
RUN make -j"$(nproc)" VERSION="${VERSION}" && strip build/certroll
COPY hack/image-root hack/
RUN hack/image-root build/certroll /root-of-image

FROM scratch
COPY --from=build /root-of-image /
USER 65532:65532
ENTRYPOINT ["/usr/bin/certroll"]
