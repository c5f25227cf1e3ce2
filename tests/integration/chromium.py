"""A headless Chromium that runs no scripts, as a careful reader's: what works here works for everybody."""

from __future__ import annotations

import base64
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from patience import LONG
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

_ARGUMENTS: Final = (
    "--headless",
    "--no-sandbox",  # as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def missing_for_chromium() -> str:
    """What this machine lacks, in words; "" when nothing."""
    lacking = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"not installed: {', '.join(lacking)} (Debian packages chromium, chromium-driver)" if lacking else ""


class Browser:
    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver: Final = driver

    def open(self, url: str) -> None:
        self.driver.get(url)

    def press_the_button(self) -> None:
        (button,) = self.driver.find_elements(By.TAG_NAME, "button")
        with self._another_page():
            button.click()

    def press_enter(self) -> None:
        """On the button that has the focus."""
        with self._another_page():
            self.type_keys(Keys.ENTER)

    def type_keys(self, keys: str) -> None:
        """To whatever has the focus."""
        ActionChains(self.driver).send_keys(keys).perform()

    @property
    def heading(self) -> str:
        return self.text_of("h1")

    def text_of(self, selector: str) -> str:
        (element,) = self.driver.find_elements(By.CSS_SELECTOR, selector)
        return str(element.text)

    def count(self, selector: str) -> int:
        return len(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def style_of(self, selector: str, name: str) -> str:
        return str(self.driver.find_element(By.CSS_SELECTOR, selector).value_of_css_property(name))

    def prefer(self, scheme: str) -> None:
        """scheme: light or dark."""
        self._command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def resize(self, width: int, height: int = 740, *, scale: float = 1) -> None:
        self._command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 500,
        )

    def content_width(self) -> int:
        """In CSS pixels; more than the window's means that the reader has to scroll sideways."""
        return int(self._command("Page.getLayoutMetrics")["cssContentSize"]["width"])

    def picture(self) -> bytes:
        """What the window shows, as PNG."""
        return base64.b64decode(self._command("Page.captureScreenshot")["data"])

    def roles(self) -> list[tuple[str, str]]:
        """(role, name) of what assistive technology is told, in reading order."""
        nodes = self._command("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node.get("ignored")
        ]

    def complaints(self) -> list[str]:
        """What the browser's console says: breaches of the content security policy, failed loads."""
        return [line["message"] for line in self.driver.get_log("browser")]

    @contextmanager
    def _another_page(self) -> Iterator[None]:
        """What is done inside leads to another page; goes on when that one is there, whole."""
        before = self._loaded()
        yield
        # asked in the middle of a change of pages, the driver fails in several ways
        patient = WebDriverWait(self.driver, LONG, poll_frequency=0.05, ignored_exceptions=(WebDriverException,))
        patient.until(lambda _: self._loaded() not in (before, None))

    def _loaded(self) -> float | None:
        """When the page began to load, which tells pages apart; None while it is still loading."""
        began: float | None = self.driver.execute_script(
            "return document.readyState === 'complete' ? performance.timeOrigin : null"
        )
        return began

    def _command(self, name: str, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.driver.execute_cdp_cmd(name, arguments)
        return answer


@contextmanager
def running_chromium(languages: str) -> Iterator[Browser]:
    """languages: as in Accept-Language, without quality values."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        for argument in (*_ARGUMENTS, f"--user-data-dir={profile}"):
            options.add_argument(argument)
        options.add_experimental_option(
            "prefs", {"intl.accept_languages": languages, "profile.managed_default_content_settings.javascript": 2}
        )
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        # with the path given, selenium looks for no driver on the network
        driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        try:
            yield Browser(driver)
        finally:
            driver.quit()
