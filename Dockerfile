# Serves a model folder that is mounted at /model; docs/production.md has the commands.
FROM python:3.13-slim
COPY pyproject.toml constraints.txt README.md LICENSE /source/
COPY src /source/src
# torch for processors alone: the build for GPUs is ten times as large.
RUN pip install --no-cache-dir --constraint /source/constraints.txt \
        --extra-index-url https://download.pytorch.org/whl/cpu '/source[serve,audio]' \
    && rm -rf /source
USER 65534
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
ENTRYPOINT ["steradian", "serve", "/model", "--host", "0.0.0.0"]
