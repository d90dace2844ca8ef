"""What browsers could be made to do: names that point here, pages of other sites, code from elsewhere."""

import json

import pytest
import requests


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1", "", "[::2]"]
)
@pytest.mark.parametrize("path", ["/", "/model", "/health"])
def test_another_name_for_this_computer_is_refused(path, host, server):
    # What a page of evil.example sends once its name points to 127.0.0.1 (DNS rebinding).
    response = requests.get(f"{server.address}{path}", headers={"Host": host}, timeout=60)
    assert response.status_code == 400
    assert "classes" not in response.text


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost", "LOCALHOST:8000", "[::1]:8000"])
def test_its_own_names_are_answered_whatever_the_port(host, server):
    assert requests.get(f"{server.address}/health", headers={"Host": host}, timeout=60).ok


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1"])
@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
def test_a_page_of_another_site_may_not_ask(method, origin, server, digits):
    response = requests.request(
        method,
        f"{server.address}/predict",
        headers={"Origin": origin},
        files={"files": digits.pngs[0]},
        timeout=60,
    )
    assert response.status_code == 403
    assert not [name for name in response.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("path", ["/", "/model", "/openapi.json", "/nothing"])
def test_every_answer_tells_browsers_to_be_strict(path, server):
    headers = requests.get(f"{server.address}{path}", timeout=60).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


def test_no_page_of_documentation_loads_code_from_elsewhere(server):
    for path in ("/docs", "/redoc", "/docs/oauth2-redirect"):
        assert requests.get(f"{server.address}{path}", timeout=60).status_code == 404
    described = requests.get(f"{server.address}/openapi.json", timeout=60).json()
    assert set(described["paths"]) == {"/predict", "/map", "/model", "/health"}
    assert "multipart/form-data" in described["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert "http" not in json.dumps(described["paths"])
