# Serves an exported model's folder that is mounted at /model, without torch; docs/production.md has the commands.
FROM python:3.13-slim
COPY pyproject.toml constraints.txt /source/
COPY runtime /source/runtime
COPY src /source/src
RUN pip install --no-cache-dir --constraint /source/constraints.txt '/source/runtime[serve,audio]' \
    && rm -rf /source
USER 65534
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
ENTRYPOINT ["steradian", "serve", "/model", "--host", "0.0.0.0"]
