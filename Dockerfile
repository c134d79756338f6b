# The server, for a model that is mounted at /model:
#   docker build --tag m2v-onnx .
#   docker run --publish 8000:8000 --volume ./my-model:/model:ro --env M2V_ONNX_API_KEY m2v-onnx

FROM python:3.13-slim AS build
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev
WORKDIR /source
COPY pyproject.toml setup.py MANIFEST.in README.md LICENSE constraints.txt ./
COPY m2v_onnx m2v_onnx
RUN python -m venv /opt/m2v-onnx
RUN /opt/m2v-onnx/bin/pip install --no-cache-dir --constraint constraints.txt '.[fast,serve]'

FROM python:3.13-slim
RUN useradd --system --no-create-home --shell /usr/sbin/nologin server
COPY --from=build /opt/m2v-onnx /opt/m2v-onnx
USER server
ENV PATH=/opt/m2v-onnx/bin:$PATH HF_HOME=/tmp/hub
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["m2v-onnx", "serve", "--host", "0.0.0.0", "--port", "8000"]
CMD ["/model"]
