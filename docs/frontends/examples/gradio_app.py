"""A chat in Gradio. Its thumbs and edits go to Loralei. Environment: LORALEI_URL, LORALEI_KEY."""

import os

import gradio as gr
import httpx
from openai import OpenAI

URL, KEY = os.environ["LORALEI_URL"], os.environ["LORALEI_KEY"]  # the key of a frontend
loralei = OpenAI(base_url=f"{URL}/v1", api_key=KEY)
MODEL = loralei.models.list().data[0].id


def reply(text, history, request: gr.Request):
    turns = [{"role": turn["role"], "content": turn["content"][0]["text"]} for turn in history]
    messages = [*turns, {"role": "user", "content": text}]
    user = request.username or "guest"
    answer = gr.ChatMessage(content="")
    for chunk in loralei.chat.completions.create(
        model=MODEL, messages=messages, user=user, stream=True
    ):
        answer.metadata["id"] = chunk.id  # what feedback names the reply by
        if chunk.choices:
            answer.content += chunk.choices[0].delta.content or ""
        yield answer


def give(history, event, request, **feedback):
    target = history[event.index]["metadata"]["id"]
    body = {"target": target, "user": request.username or "guest", **feedback}
    headers = {"Authorization": f"Bearer {KEY}"}
    httpx.post(f"{URL}/v1/feedback", json=body, headers=headers).raise_for_status()


def rate(history, event: gr.LikeData, request: gr.Request):
    give(history, event, request, value="up" if event.liked else "down")


def correct(history, event: gr.EditData, request: gr.Request):
    give(history, event, request, correction=event.value)


with gr.Blocks() as app:
    chatbot = gr.Chatbot(editable="all")
    gr.ChatInterface(reply, chatbot=chatbot)
    chatbot.like(rate, chatbot)
    chatbot.edit(correct, chatbot)

if __name__ == "__main__":
    app.launch()
