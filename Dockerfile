# An image of `reviews`, for `reviews up` and for single commands; docs/operations.md shows how to run it.
#   docker build -t review-ratings .
ARG PYTHON_VERSION=3.13

FROM python:${PYTHON_VERSION}-slim AS build
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /build
COPY . .
RUN uv build --quiet --wheel --out-dir dist . \
    && uv venv --quiet /opt/reviews \
    && uv pip install --quiet --compile-bytecode --python /opt/reviews/bin/python \
        --constraints requirements.lock "review-ratings[postgres,scale,serve,train] @ file://$(ls /build/dist/*.whl)"

FROM python:${PYTHON_VERSION}-slim
COPY --from=build /opt/reviews /opt/reviews
RUN useradd --uid 10001 --create-home reviews && install --directory --owner reviews --mode 0700 /data
ENV PATH=/opt/reviews/bin:$PATH REVIEWS_HOME=/data
USER reviews
WORKDIR /data
VOLUME /data
EXPOSE 4200 9108
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=2m --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:4200/api/health', timeout=5)"]
ENTRYPOINT ["reviews"]
CMD ["up"]
