"""A headless Chromium for tests of report.html, driven through Debian's chromium-driver."""
import base64
import json

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains


class Browser:
    def __init__(self, driver_path):
        options = webdriver.ChromeOptions()
        # Tests run as root in containers, where the sandbox does not start.
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service(driver_path), options=options)
        self.driver.set_script_timeout(120)

    def look(self, width=1280, dark=False, media=""):
        """Choose how the page is seen; it may be loaded already."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
        )
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"media": media, "features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]},
        )

    def open(self, path):
        self.messages()
        self.driver.get(path.resolve().as_uri())

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def messages(self):
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def press(self, *keys):
        ActionChains(self.driver).send_keys(*keys).perform()

    def print(self):
        pdf = self.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True, "preferCSSPageSize": True})
        return base64.b64decode(pdf["data"])

    def picture(self, path, width, height, scale):
        """The top of the page as a PNG."""
        self.look(width)
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": scale}
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self):
        self.driver.quit()


def change_data(page, target, change):
    """Write the page anew with its data changed, as another version of the program would have it."""
    start_mark, end_mark = '<script type="application/json" id="data">', "</script>"
    text = page.read_text()
    start = text.index(start_mark) + len(start_mark)
    end = text.index(end_mark, start)
    data = json.loads(text[start:end])
    change(data)
    target.write_text(text[:start] + json.dumps(data).replace("<", "\\u003c") + text[end:])


def without_library(page, target):
    """The page as a program writes it that was built without Chart.js."""
    text = page.read_text()
    start = text.index("<script>\n/*!\n * Chart.js")
    target.write_text(text[:start] + text[text.index("</script>", start) + len("</script>") :])
