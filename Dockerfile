# Serves a model folder that is mounted at /model; docs/production.md has the commands.
FROM python:3.13-slim
COPY pyproject.toml constraints.txt README.md LICENSE /source/
COPY src /source/src
# The build of torch for processors alone is a tenth as large as that for GPUs; where there is a place that has it, name it:
# docker build --build-arg PIP_OPTIONS='--extra-index-url ADDRESS' --tag steradian .
ARG PIP_OPTIONS=""
RUN pip install --no-cache-dir --constraint /source/constraints.txt $PIP_OPTIONS '/source[serve,audio]' \
    && rm -rf /source
USER 65534
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
ENTRYPOINT ["steradian", "serve", "/model", "--host", "0.0.0.0"]
