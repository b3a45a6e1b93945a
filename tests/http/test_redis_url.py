"""The URL of Redis: a closed form, verified TLS, and a password that no error repeats."""

import traceback

import pytest
from limits.storage import storage_from_string

from broker.errors import SecretUnavailable
from broker.http.limits import WindowStore
from broker.model.secret import Secret

CANARY = "canary-password"


@pytest.mark.parametrize(
    "url",
    [
        "redis://redis.example.com",
        f"redis://:{CANARY}@redis.example.com:6379/2",
        f"redis://broker:{CANARY}%40%2f@[2001:db8::1]:6379?db=3",
        f"rediss://broker:{CANARY}@redis.example.com:6380",
        "rediss://redis.example.com/1?ssl_ca_certs=/etc/broker/redis-ca.pem",
        f"redis+unix://:{CANARY}@/run/redis/redis.sock?db=2",
    ],
)
def test_a_url_of_a_known_form_is_one_that_the_library_reads(url: str) -> None:
    store = WindowStore.redis(Secret(url))

    assert store.uri.reveal() == url
    storage_from_string(url, **store.options)


@pytest.mark.parametrize(
    "url",
    [
        f"redis+sentinel://:{CANARY}@one.example.com:26379,two.example.com:26379/limits",
        f"redis+cluster://:{CANARY}@one.example.com:6379,two.example.com:6379",
    ],
)
def test_sentinel_and_cluster_name_every_server(url: str) -> None:
    assert WindowStore.redis(Secret(url)).uri.reveal() == url


@pytest.mark.parametrize(
    "url",
    [
        f"http://:{CANARY}@redis.example.com",
        f"REDIS://:{CANARY}@redis.example.com",
        f"memory://{CANARY}",
        f"async+redis://:{CANARY}@redis.example.com",
        f"unix://:{CANARY}@/run/redis.sock",
        f"rediss+sentinel://:{CANARY}@one.example.com:26379/limits",
        f"redis:{CANARY}",
        CANARY,
        f"redis://:{CANARY}@redis.example.com:no-port",
        f"redis://:{CANARY}@redis.example.com:65536",
        f"redis://:{CANARY}@redis.example.com:0",
        f"redis://:{CANARY}@",
        f"redis://:{CANARY}@[2001:db8::1",
        f"redis://:{CANARY}#more@redis.example.com",
        f"redis://:{CANARY}/more@redis.example.com",
        f"redis://:{CANARY}?more@redis.example.com",
        f"redis://:{CANARY}@redis.example.com/{CANARY}",
        f"redis://:{CANARY}@redis.example.com/1\n",
        f"redis://:{CANARY}@redis\u2100.example.com",
        f"redis://:{CANARY}@redis.example.com?db={CANARY}",
        f"redis://:{CANARY}@redis.example.com?db=1&db=2",
        f"redis://redis.example.com?password={CANARY}",
        f"redis://redis.example.com?{CANARY}",
        f"redis://:{CANARY}@redis.example.com?ssl_ca_certs=/ca.pem",
        f"redis+unix://{CANARY}.example.com/redis.sock",
        f"redis+unix://:{CANARY}@",
        f"redis+sentinel://:{CANARY}@one.example.com/limits",
        f"redis+sentinel://:{CANARY}@one.example.com:26379",
        f"redis+sentinel://:{CANARY}@one.example.com:26379,/limits",
        f"redis+cluster://:{CANARY}@one.example.com:6379/1",
    ],
)
def test_a_url_of_another_form_is_refused_and_no_part_of_it_is_told(url: str) -> None:
    with pytest.raises(SecretUnavailable, match=r"^redis_url ") as refused:
        WindowStore.redis(Secret(url))

    told = "".join(traceback.format_exception(refused.value))
    assert CANARY not in told
    assert "example.com" not in told
    assert refused.value.__context__ is None


@pytest.mark.parametrize(
    "parameter",
    [
        "ssl_cert_reqs=none",
        "ssl_check_hostname=false",
        "ssl_cert_reqs=none&ssl_check_hostname=false",
        "ssl%5Fcert_reqs=none",
        "SSL_CERT_REQS=none",
        "ssl_ca_path=/tmp",
        "ssl_ca_data=x",
        "ssl_ciphers=ALL",
        "ssl_min_version=768",
        "ssl_exclude_verify_flags=VERIFY_X509_STRICT",
        "socket_timeout=0",
        "host=elsewhere.example.com",
        "connection_class=x",
    ],
)
def test_no_parameter_weakens_tls_or_changes_the_connection(parameter: str) -> None:
    with pytest.raises(SecretUnavailable, match="query parameter that is not allowed"):
        WindowStore.redis(Secret(f"rediss://:{CANARY}@redis.example.com?{parameter}"))
