# The gateway alone, as an ordinary user. Built with `docker build -t crossdc-gateway .`, run for example with
#
#   docker run --init -v crossdc-state:/var/lib/crossdc -v ./dc1.conf:/etc/crossdc/crossdc.conf:ro crossdc-gateway
#
# --init collects what a failover command leaves behind. No secret belongs in this file: give them as KFile keys.
# It runs with --read-only --cap-drop ALL --security-opt no-new-privileges as well: opt/examples/compose.yaml has all of it.

FROM node:20-bookworm-slim AS build
WORKDIR /build
# The packages first: they change less often than the sources, and this layer is then taken from the cache.
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY scripts/build.mjs scripts/
COPY docs/openapi.json docs/
COPY src src
# The compiler stays as the optional peer of a package that needs only its types; it is more than half of what is left.
RUN npm run build && npm prune --omit=dev --ignore-scripts && rm -rf node_modules/typescript

FROM node:20-bookworm-slim
LABEL org.opencontainers.image.title="crossdc-gateway" org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production \
    CROSSDC_STATE_DIRECTORY=/var/lib/crossdc
WORKDIR /opt/crossdc
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
# The tables of the PostgreSQL store are made from these at the first start.
COPY sql sql
COPY LICENSE ./
# A volume takes the owner of the folder that it covers, so the folder is there before it.
RUN install -d -o node -g node -m 0700 /var/lib/crossdc && ln -s /opt/crossdc/dist/cli/crossdc.cjs /usr/local/bin/crossdc
USER node
VOLUME /var/lib/crossdc

# The local API (application, operator, Prometheus) and the peers' listener.
EXPOSE 25090 25091

# /healthz fails only when a restart would help; a peer that is down is no reason.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.CROSSDC_LOCAL_API_PORT ?? 25090}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]

# SIGTERM stops the gateway and tells no peer that the application left: a restart goes on where it was.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/opt/crossdc/dist/cli/crossdc.cjs"]
CMD ["run", "--config", "/etc/crossdc/crossdc.conf"]
