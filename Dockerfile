# The images of the apps. Build one from the root of the repository:
#   docker build --target node-agent .
#   docker build --target renewal-controller .
#   docker build --target pod-certificate-signer .
FROM node:26-bookworm-slim AS sources
WORKDIR /src
# Another npm registry (--build-arg); npm's default if not set.
ARG NPM_CONFIG_REGISTRY
# The packages first, so that their layer stays valid until the lock file changes.
COPY package.json package-lock.json .npmrc ./
COPY apps/node-agent/package.json apps/node-agent/
COPY apps/renewal-controller/package.json apps/renewal-controller/
COPY apps/pod-certificate-signer/package.json apps/pod-certificate-signer/
COPY apps/dashboard/package.json apps/dashboard/
COPY libs/shared/package.json libs/shared/
COPY libs/fleet-model/package.json libs/fleet-model/
COPY libs/operator-api/package.json libs/operator-api/
COPY e2e/package.json e2e/
# The build needs no install scripts, so no package runs code of its own here.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY proto proto
COPY scripts scripts
COPY libs libs
RUN npm run --workspace @certfleet/shared generate

FROM sources AS node-agent-build
COPY apps/node-agent apps/node-agent
RUN npm run --workspace @certfleet/node-agent generate \
  && npm run --workspace @certfleet/node-agent build \
  && rm apps/node-agent/dist/*/*.map

FROM sources AS renewal-controller-build
COPY apps/renewal-controller apps/renewal-controller
COPY apps/dashboard apps/dashboard
RUN npm run --workspace @certfleet/renewal-controller build \
  && npm run --workspace @certfleet/dashboard build \
  && rm apps/renewal-controller/dist/*/*.map

FROM sources AS pod-certificate-signer-build
COPY apps/pod-certificate-signer apps/pod-certificate-signer
RUN npm run --workspace @certfleet/pod-certificate-signer build \
  && rm apps/pod-certificate-signer/dist/*/*.map

FROM node:26-bookworm-slim AS runtime
# A finished image needs no package manager.
RUN rm -rf /usr/local/lib/node_modules /root/.npm /usr/local/bin/npm /usr/local/bin/npx
COPY LICENSE /app/
ENV NODE_ENV=production

FROM runtime AS node-agent
LABEL org.opencontainers.image.title="certfleet node agent" \
  org.opencontainers.image.description="CSI driver that gives every pod a key and certificate of its own" \
  org.opencontainers.image.licenses="Apache-2.0"
COPY --from=node-agent-build /src/apps/node-agent/dist/agent /app
# RSA keys are generated on libuv's threads; with the default of four, file operations would wait for them.
ENV UV_THREADPOOL_SIZE=8
# The container is privileged so that its mounts reach the host. setpriv drops the capabilities that the agent does not
# use. It mounts (SYS_ADMIN), sets the group of files (CHOWN) and enters directories of other owners (DAC_OVERRIDE).
# The young generation holds the objects of one mount, the initial heap those of a burst of mounts.
# --expose-gc: an idle agent frees the memory of a burst.
ENTRYPOINT ["setpriv", "--bounding-set=-all,+sys_admin,+chown,+dac_override", "--inh-caps=-all", "--no-new-privs", "--", \
  "node", "--max-semi-space-size=4", "--initial-heap-size=64", "--expose-gc", "/app/agent.js"]

# Without Kubernetes, with a local CA: docker-compose.test.yml.
FROM node-agent AS node-agent-local-ca
COPY --from=node-agent-build /src/apps/node-agent/dist/local-ca /app

FROM runtime AS renewal-controller
LABEL org.opencontainers.image.title="certfleet renewal controller" \
  org.opencontainers.image.description="Schedules the renewal of every certificate of the fleet" \
  org.opencontainers.image.licenses="Apache-2.0"
COPY --from=renewal-controller-build /src/apps/renewal-controller/dist/controller /app
# The operators' page, which the controller serves.
COPY --from=renewal-controller-build /src/apps/dashboard/dist /app/dashboard
# The operators' command line, for kubectl exec and docker exec.
COPY --from=renewal-controller-build /src/apps/renewal-controller/dist/cli /app/cli
# The init container of the chart's Redis.
COPY --from=renewal-controller-build /src/apps/renewal-controller/dist/redis-secret /app/redis-secret
RUN chmod 0755 /app/cli/certfleet.js && ln -s /app/cli/certfleet.js /usr/local/bin/certfleet \
  && ln -s /app/cli/certfleet.js /usr/local/bin/kubectl-certfleet
# One malloc arena for all threads; each additional one would keep some megabytes of freed memory.
ENV MALLOC_ARENA_MAX=1
# A number, which Kubernetes needs to verify that the user is not root (runAsNonRoot).
USER 65532:65532
# Node's default in a container with a memory limit is 1 MiB, which causes an old-space collection for every page of the
# operators. The objects of a renewal live for one or two round trips to Redis; 16 MiB use a fifth less CPU than 4 MiB.
# --expose-gc: an idle controller frees the memory of a burst.
ENTRYPOINT ["node", "--max-semi-space-size=16", "--expose-gc", "/app/controller.js"]

FROM runtime AS pod-certificate-signer
LABEL org.opencontainers.image.title="certfleet pod certificate signer" \
  org.opencontainers.image.description="Signs the pod certificates of Kubernetes by policy and at a limited rate" \
  org.opencontainers.image.licenses="Apache-2.0"
COPY --from=pod-certificate-signer-build /src/apps/pod-certificate-signer/dist/signer /app
# A number, which Kubernetes needs to verify that the user is not root (runAsNonRoot).
USER 65532:65532
ENTRYPOINT ["node", "--max-semi-space-size=8", "/app/signer.js"]
