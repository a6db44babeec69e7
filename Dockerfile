# The EdgeX service:        docker build -t edgesluice/app-sluice .
# In the place of Kuiper:   docker build --target kuiper -t edgesluice/app-sluice:kuiper .

FROM golang:1.26-alpine AS build
ARG VERSION=dev
RUN apk add --no-cache make ca-certificates tzdata
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN make build VERSION=${VERSION}

FROM alpine:3.22 AS base
RUN apk add --no-cache ca-certificates dumb-init tzdata
COPY --from=build /src/bin/app-sluice /src/bin/sluice /usr/bin/
COPY --from=build /src/res/ /res/
COPY --from=build /src/LICENSE /src/Attribution.txt /

# Kuiper's slot in a compose file: same port, same folders, same environment. EdgeX's secure set-up writes the
# credentials of the bus into the two files below /kuiper/etc, and starts the server by docker-entrypoint.sh.
FROM base AS kuiper
RUN mkdir -p /kuiper/bin /kuiper/data /kuiper/log /kuiper/plugins /kuiper/etc/sources /kuiper/etc/connections \
 && ln -s /usr/bin/app-sluice /kuiper/bin/kuiperd && ln -s /usr/bin/sluice /kuiper/bin/kuiper \
 && touch /kuiper/etc/sources/edgex.yaml /kuiper/etc/connections/connection.yaml /kuiper/etc/mqtt_source.yaml \
 && printf '#!/bin/sh\nexec "$@"\n' > /usr/bin/docker-entrypoint.sh && chmod +x /usr/bin/docker-entrypoint.sh \
 && chown -R 1001:1001 /kuiper
ENV EDGEX_CONFIG_DIR=/res EDGEX_PROFILE=standalone EDGEX_SECURITY_SECRET_STORE=false \
    SLUICE_RESTIP=0.0.0.0 SLUICE_HTTPPUSH_IP=0.0.0.0 SLUICE_ETCDIR=/kuiper/etc SLUICE_DATADIR=/kuiper/data
WORKDIR /kuiper
USER 1001:1001
EXPOSE 9081 59720
VOLUME ["/kuiper/data", "/kuiper/etc", "/kuiper/log", "/kuiper/plugins"]
ENTRYPOINT ["/usr/bin/docker-entrypoint.sh"]
CMD ["./bin/kuiperd"]

FROM base AS edgex
RUN mkdir /data && chown 2002:2001 /data
ENV EDGEX_CONFIG_DIR=/res SLUICE_DATADIR=/data
USER 2002:2001
EXPOSE 59720 59721
VOLUME ["/data"]
ENTRYPOINT ["/usr/bin/dumb-init", "--", "/usr/bin/app-sluice"]
CMD ["-cp=consul.http://edgex-core-consul:8500", "--registry"]
