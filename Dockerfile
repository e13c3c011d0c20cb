# Duet in one image: one process, its own user, and one volume for its data.
#
#   docker build -t duet .
#   docker run -p 8000:8000 -v duet-data:/data --read-only --tmpfs /tmp duet
#
# A team's own code goes into another image, built from this one:
#
#   FROM duet
#   COPY team /srv/team
#   ENV EXTENSIONS=team.notes:extension
#
# Python looks for it in /srv. If it needs more than Duet's packages:
#
#   USER 0
#   RUN python -m pip install --no-cache-dir --constraint /opt/duet/constraints.txt 'package==1.2.3'
#   USER 10001:10001
#
# The constraints are Duet's lock file without its hashes: pip refuses a package that wants other versions than Duet's.
# The lock file itself is beside them.

FROM python:3.13-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

# The packages come before the code, so that a change of the code alone builds quickly.
COPY requirements.lock requirements-build.lock ./
RUN python -m venv /opt/duet \
    && /opt/duet/bin/python -m pip install --require-hashes -r requirements.lock \
    && cp requirements.lock /opt/duet/ \
    && sed -nE 's/^([^ #]+==[^\\]*[^ \\]).*/\1/p' requirements.lock >/opt/duet/constraints.txt \
    && python -m venv /opt/build \
    && /opt/build/bin/python -m pip install --require-hashes -r requirements-build.lock

COPY pyproject.toml README.md ./
COPY app app
RUN /opt/build/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/duet/bin/python -m pip install --no-deps --no-index /wheels/*.whl


FROM python:3.13-slim

# The user has a fixed number, so that an orchestrator sees that it is not root, and a mounted volume can be given to it.
# OpenShift runs the image as any user in group 0, which is root's: so that group may write to /data, and nobody else.
RUN groupadd --gid 10001 duet \
    && useradd --uid 10001 --gid duet --home-dir /data --no-create-home --shell /usr/sbin/nologin duet \
    && install -d -o duet -g 0 -m 0770 /data

COPY --from=build /opt/duet /opt/duet

# Nothing is written outside /data and /tmp; the byte code was made when the packages were installed.
ENV PATH=/opt/duet/bin:$PATH \
    PYTHONPATH=/srv \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DATA_DIR=/data

USER 10001:10001
WORKDIR /srv
VOLUME /data
EXPOSE 8000

# It asks whether the process answers, where its command says that it listens, and not whether its store does:
# restarting a container brings no database back.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-m", "app.commands.healthcheck"]

# A list, so that Duet itself is process 1 and gets SIGTERM.
CMD ["duet", "serve", "--host", "0.0.0.0"]
