"""A chat in Chainlit. Its thumbs go to Loralei. Environment: LORALEI_URL, LORALEI_KEY."""

import os

import chainlit as cl
import httpx
from chainlit.data.base import BaseDataLayer
from openai import AsyncOpenAI

URL, KEY = os.environ["LORALEI_URL"], os.environ["LORALEI_KEY"]  # the key of a frontend
loralei = AsyncOpenAI(base_url=f"{URL}/v1", api_key=KEY)
http = httpx.AsyncClient(headers={"Authorization": f"Bearer {KEY}"})
METHODS = BaseDataLayer.__abstractmethods__


async def nothing(*_, **__):
    pass


class Thumbs(type("NoData", (BaseDataLayer,), dict.fromkeys(METHODS, nothing))):
    """Chainlit shows thumbs only if there is a data layer. This one keeps nothing."""

    async def upsert_feedback(self, feedback):
        return f"chainlit-{feedback.forId}"

    async def delete_feedback(self, feedback_id):
        await http.delete(f"{URL}/api/public/scores/{feedback_id}")  # needs no user
        return True


cl.data_layer(Thumbs)


def user():
    signed_in = cl.user_session.get("user")
    return signed_in.identifier if signed_in else "guest"


@cl.on_message
async def reply(_message):
    model = (await loralei.models.list()).data[0].id
    answer = cl.Message("")
    stream = await loralei.chat.completions.create(
        model=model,
        messages=cl.chat_context.to_openai(),
        user=user(),
        stream=True,
        extra_headers={"X-Loralei-Message-Id": answer.parent_id},  # thumbs rate the whole run
    )
    async for chunk in stream:
        if chunk.choices:
            await answer.stream_token(chunk.choices[0].delta.content or "")
    await answer.send()


@cl.on_feedback
async def rate(feedback):
    body = {
        "id": f"chainlit-{feedback.forId}",
        "target": feedback.forId,
        "user": user(),
        "value": "up" if feedback.value else "down",
        "comment": feedback.comment,
    }
    (await http.post(f"{URL}/v1/feedback", json=body)).raise_for_status()
