"""Telling somebody by one of Prefect's notification blocks: Slack, Teams, mail, a webhook."""

from typing import Any

from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block
from prefect.logging import get_run_logger


async def send_notification(block: str, subject: str, text: str) -> bool:
    """Send a text; return whether it was taken. What cannot be told stops nothing.

    Args:
        block: Type and name of the block, such as `slack-webhook/operations`.
        subject: One line.
        text: Markdown.
    """
    try:
        found: Any = await Block.aload(block)
        if not isinstance(found, NotificationBlock):
            get_run_logger().warning("The block %s sends no notifications.", block)
            return False
        with found.raise_on_failure():
            await found.notify(text, subject)
    except Exception as error:  # noqa: BLE001  # what it says may hold the address, which is a secret
        get_run_logger().warning("The block %s could not be used: %s.", block, type(error).__name__)
        return False
    return True
