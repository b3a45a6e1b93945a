# Two stages: the first builds the package and its dependencies from locked, hash-checked packages,
# the second holds them, an interpreter and nothing else of ours. The lab and the demonstration are
# kept out by .dockerignore and their absence is checked below.
#
# The image runs both processes, each in a container of its own that mounts only its own secrets:
#   serve      --config /etc/cim-ticket-broker
#   controller --config /etc/cim-ticket-broker/controller.yaml   (started with --no-healthcheck)
# They meet in the store, on a volume that both mount at /var/lib/cim-ticket-broker. The root file
# system may be read-only: temporary files go to /dev/shm.

FROM python:3.11.14-slim-bookworm AS build
WORKDIR /src
COPY requirements-build.lock requirements-container.lock ./
# hadolint ignore=DL3042
RUN python3 -m venv /opt/build \
    && /opt/build/bin/python -m pip install --quiet --require-hashes -r requirements-build.lock \
    && python3 -m venv --without-pip /opt/broker \
    && /opt/build/bin/uv pip install --quiet --python /opt/broker/bin/python --require-hashes \
        --compile-bytecode -r requirements-container.lock
COPY pyproject.toml README.md LICENSE ./
COPY broker broker
RUN /opt/build/bin/uv build --quiet --wheel --no-build-isolation --python /opt/build/bin/python --out-dir /src/dist \
    && /opt/build/bin/uv pip install --quiet --python /opt/broker/bin/python --no-deps --compile-bytecode /src/dist/*.whl
RUN /opt/broker/bin/broker --version \
    && test -z "$(find /opt/broker -path '*/broker/lab' -o -path '*/broker/demo' -o -name 'pywbem*')"

FROM python:3.11.14-slim-bookworm
LABEL org.opencontainers.image.title="cim-ticket-broker" \
    org.opencontainers.image.description="Least-privilege role and CIM ticket broker for vSphere" \
    org.opencontainers.image.licenses="Apache-2.0"
RUN install -d -o 65532 -g 65532 -m 0700 /var/lib/cim-ticket-broker
COPY --from=build /opt/broker /opt/broker
ENV PATH=/opt/broker/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TMPDIR=/dev/shm
USER 65532:65532
VOLUME ["/var/lib/cim-ticket-broker"]
EXPOSE 8443
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s --retries=3 \
    CMD ["/opt/broker/bin/python", "-m", "broker.http.probe"]
ENTRYPOINT ["/opt/broker/bin/broker"]
CMD ["serve"]
