# Loralei on a CPU. Data and models are in volumes; the port is plain HTTP, so put a proxy in front.
#
#   docker build --build-arg TORCH_INDEX=URL -t loralei .    (the URL of PyTorch's CPU build, see .ci/setup)
#   docker run -p 127.0.0.1:8000:8000 -v loralei-data:/data -v loralei-models:/models \
#     --stop-timeout 60 loralei                              (longer than drain_timeout)

FROM python:3.11-slim-bookworm AS build

# As for make: without a URL or "any", the build ends if pip would fetch gigabytes of GPU libraries.
ARG TORCH_INDEX=

WORKDIR /opt/loralei
COPY .ci/setup .ci/setup
COPY pyproject.toml README.md constraints.txt requirements.lock ./
COPY server server
COPY adapters_store adapters_store
COPY feedback feedback
COPY scheduler scheduler
RUN .ci/setup

FROM python:3.11-slim-bookworm

RUN useradd --uid 10001 --user-group --create-home --home-dir /home/loralei loralei \
    && install --directory --owner=loralei --group=loralei --mode=0700 /data /models
COPY --from=build /opt/loralei /opt/loralei

USER 10001:10001
WORKDIR /data
ENV LORALEI_HOST=0.0.0.0 \
    LORALEI_PORT=8000 \
    LORALEI_DATA_DIR=/data \
    LORALEI_MODEL_CACHE=/models \
    NUMBA_CACHE_DIR=/models/compiled
VOLUME ["/data", "/models"]
EXPOSE 8000

# The first start fetches the base model.
HEALTHCHECK --interval=30s --timeout=10s --start-period=600s --retries=3 \
    CMD ["/opt/loralei/.venv/bin/python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/ready', timeout=5)"]

CMD ["/opt/loralei/.venv/bin/loralei", "serve"]
