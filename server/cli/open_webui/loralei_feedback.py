"""
title: Loralei
description: Sends ratings, edited replies and deletions to Loralei, which learns from them.
version: 0.1.0
required_open_webui_version: 0.12.0
license: Apache-2.0
"""

# An event function: Open WebUI runs it, Loralei only prints it. It is pasted there as it is.

import asyncio
import logging
import re

import httpx
from open_webui.models.chat_messages import ChatMessages
from open_webui.models.chats import Chats
from open_webui.models.feedbacks import Feedbacks
from open_webui.models.users import Users
from open_webui.utils.headers import include_user_info_headers
from pydantic import BaseModel, Field

log = logging.getLogger(__name__)
LIKES = {
    *("accurate_information", "followed_instructions_perfectly", "showcased_creativity"),
    *("positive_attitude", "attention_to_detail", "thorough_explanation"),
}
DISLIKES = {
    *("dont_like_the_style", "too_verbose", "not_helpful", "not_factually_correct"),
    *("didnt_fully_follow_instructions", "refused_when_it_shouldnt_have", "being_lazy"),
}
REASONING = re.compile(r"<details\b.*?</details>", re.DOTALL)


def rating_of(data):
    """Loralei's fields. Reason, comment and score of the other thumb are left out."""
    details = data.get("details", {})  # null: the thumb was changed, and no more was said since
    score = (details or {}).get("rating")
    value = {"1": 1, "-1": -1}.get(str(data.get("rating")))
    if value is None and score:
        value = 1 if score > 5 else -1
    reason, comment = data.get("reason"), data.get("comment") if details is not None else None
    return {
        "value": value,
        "reason": None if reason in (DISLIKES if value == 1 else LIKES) else reason or None,
        "comment": (comment or "").strip()[:4000] or None,
        "metadata": {"score": str(score)} if score and (score > 5) == (value == 1) else {},
    }


def replaced_by(message_id, messages):
    """The reply that this one was preferred over: the one before it, or else the last one."""
    parent = messages.get(messages.get(message_id, {}).get("parentId"), {})
    siblings = [each for each in parent.get("childrenIds") or [] if each in messages]
    at = siblings.index(message_id) if message_id in siblings else 0
    for each in [*reversed(siblings[:at]), *reversed(siblings[at + 1 :])]:
        if str((messages[each].get("annotation") or {}).get("rating")) != "1":
            return each
    return None


class Event:
    class Valves(BaseModel):
        base_url: str = Field("http://127.0.0.1:8000/v1", description="As in the connection.")
        frontend_key: str = Field("", description="The key of the connection.")
        send_edits: bool = Field(True, description="Off if an outlet filter changes replies.")
        timeout: float = Field(10.0, description="Seconds.")

    def __init__(self):
        self.valves = self.Valves()
        self._in_turn = asyncio.Lock()
        self._client = httpx.AsyncClient()

    async def event(self, event):
        handlers = {
            "feedback.created": self._rated,
            "feedback.updated": self._rated,
            "feedback.deleted": self._unrated,
            "feedback.deleted_all": self._all_unrated,
            "chat.updated": self._edited,
            "message.updated": self._edited,
            "message.deleted": self._message_deleted,
            "chat.deleted": self._chat_deleted,
            "chat.deleted_all": self._all_chats_deleted,
        }
        handle = handlers.get(event["event"])
        if handle is None or not self.valves.frontend_key:
            return
        async with self._in_turn:
            try:
                await handle(event, event.get("subject") or {}, event.get("data") or {})
            except Exception as error:
                log.error("Loralei was not told of %s: %r", event["event"], error)

    async def _rated(self, event, subject, data):
        row = await Feedbacks.get_feedback_by_id(subject["id"])
        message_id = ((row and row.meta) or {}).get("message_id")
        if message_id is None or await self._completion(row.user_id, message_id) is None:
            return
        chat = await Chats.get_chat_by_id(row.meta.get("chat_id"))
        messages = (chat.chat.get("history") or {}).get("messages") or {} if chat else {}
        body = {"id": f"openwebui-{row.id}", "target": message_id, **rating_of(row.data or {})}
        loser = replaced_by(message_id, messages) if body["value"] == 1 else None
        if loser is not None:
            preference = {**body, "preferred_over": loser}
            if await self._send("POST", "/feedback", row.user_id, preference, (400, 404)):
                return
        await self._send("POST", "/feedback", row.user_id, body)

    async def _unrated(self, event, subject, data):
        # An admin may delete a rating, and the event does not say whose it was.
        for user_id in [event["actor"]["id"], *await self._all_users()]:
            if await self._send("DELETE", f"/feedback/openwebui-{subject['id']}", user_id):
                return

    async def _all_unrated(self, event, subject, data):
        users = [subject["id"]] if subject["type"] == "user" else await self._all_users()
        for user_id in users:
            page, after = {"has_more": True}, ""
            ids = []
            while page["has_more"]:
                page = await self._send("GET", f"/feedback?limit=100{after}", user_id)
                page = page or {"data": [], "has_more": False}
                ids += [each["id"] for each in page["data"]]
                after = f"&after={page.get('last_id')}"
            for each in ids:
                if each.startswith("openwebui-") and not each.startswith("openwebui-edit-"):
                    await self._send("DELETE", f"/feedback/{each}", user_id)

    async def _edited(self, event, subject, data):
        chat_id = data.get("chat_id") or subject["id"]
        messages = await ChatMessages.get_messages_by_chat_id(chat_id)
        for each in messages if self.valves.send_edits else []:
            is_new = each.updated_at >= event["created_at"] - 2
            if each.role == "assistant" and each.done and is_new and isinstance(each.content, str):
                message_id = each.id.removeprefix(f"{chat_id}-")
                await self._corrected(each.user_id, message_id, each.content)

    async def _corrected(self, user_id, message_id, content):
        completion = await self._completion(user_id, message_id)
        text = REASONING.sub("", content).strip()
        if completion is None or not text:
            return
        feedback_id = f"openwebui-edit-{message_id}"
        if text == (completion["choices"][0]["message"]["content"] or "").strip():
            await self._send("DELETE", f"/feedback/{feedback_id}", user_id)
        elif completion["loralei"]["status"] == "complete" and not await self._is_continued(
            user_id, message_id
        ):
            body = {"id": feedback_id, "target": message_id, "correction": text}
            await self._send("POST", "/feedback", user_id, body)

    async def _message_deleted(self, event, subject, data):
        chat = await Chats.get_chat_by_id(data.get("chat_id"))
        left = (chat.chat.get("history") or {}).get("messages") if chat else None
        if left is not None:
            path = f"/chats/{chat.id}/messages"
            await self._send("PUT", path, chat.user_id, {"message_ids": list(left)})

    async def _chat_deleted(self, event, subject, data):
        user_id = data.get("owner_id") or event["actor"]["id"]
        await self._send("DELETE", f"/chats/{subject['id']}", user_id)

    async def _all_chats_deleted(self, event, subject, data):
        await self._send("DELETE", "/chats", subject["id"])

    async def _completion(self, user_id, message_id):
        """What Loralei wrote, or None if another model did."""
        return await self._send("GET", f"/chat/completions/{message_id}", user_id)

    async def _is_continued(self, user_id, message_id):
        """Whether Loralei wrote only the end of this reply."""
        path = f"/chat/completions/{message_id}/messages?order=desc&limit=1"
        page = await self._send("GET", path, user_id)
        return page["data"][0]["role"] == "assistant"

    async def _all_users(self):
        return [each.id for each in (await Users.get_users())["users"]]

    async def _send(self, method, path, user_id, body=None, refusals=()):
        """The answer, or None if Loralei does not know what it is about."""
        key = {"Authorization": f"Bearer {self.valves.frontend_key}"}
        answer = await self._client.request(
            method,
            self.valves.base_url.rstrip("/") + path,
            headers=include_user_info_headers(key, await Users.get_user_by_id(user_id)),
            json=body,
            timeout=self.valves.timeout,
        )
        if answer.status_code in (404, 410, *refusals):
            return None
        if answer.is_error:
            raise RuntimeError(f"{answer.status_code} {answer.text[:300]}")
        return answer.json()
