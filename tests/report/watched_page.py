"""A page in a browser, and what it asked for and complained of."""

from pathlib import Path

from playwright.sync_api import Browser, Page

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


class Watched:
    """An open page, with all that it asked for and complained of."""

    def __init__(self, browser: Browser, file: Path, size: tuple[int, int]) -> None:
        self.page: Page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(file.as_uri())

    def draw_everything(self) -> int:
        """Does what a person does who scrolls through; how many figures are drawn."""
        self.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        return int(self.page.evaluate("document.querySelectorAll('.figure .main-svg').length"))
