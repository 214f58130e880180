# KadNS as a home resolver:
#   docker run -d --name kadns -p 53:53/udp -p 53:53/tcp -p 4601:4601 -p 127.0.0.1:8053:8053 -v kadns:/data kadns
#   docker exec kadns kadns token

FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# Optional is only a Node for machines without one; native parts come ready-made inside their packages, so no script runs.
RUN npm ci --omit=dev --omit=optional --ignore-scripts

FROM node:24-slim
# Compiled code is kept beside the data, since /app is not to be written: less memory from the second start on.
ENV NODE_ENV=production KADNS_CONFIG=/app/config/production.toml NODE_COMPILE_CACHE=/data/compiled
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY package.json LICENSE ./
COPY bin bin
COPY config config
COPY src src
RUN ln -s /app/bin/kadns.js /usr/local/bin/kadns && install -d -o 10001 -g 10001 -m 700 /data
USER 10001:10001
VOLUME /data
EXPOSE 53/udp 53/tcp 8053/tcp 4601/tcp
# Through the REST door and the whole resolver, without asking anybody outside.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["node", "bin/kadns.js", "resolve", "localhost"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "bin/kadns.js"]
CMD ["up"]
