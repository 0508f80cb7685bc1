"""The two-minute example: an application, and what enqueues its tasks."""

from treadle import Treadle

app = Treadle()


@app.task(retries=5)
def resize(path: str, width: int) -> str:
    return path.replace(".png", f"-{width}.png")


if __name__ == "__main__":
    handle = resize.enqueue("a.png", width=300)
    print(handle.id, handle.result(timeout=30))
