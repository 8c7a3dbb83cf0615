"""A chat in Gradio. Its thumbs and edits go to Loralei. Environment: LORALEI_URL, LORALEI_KEY."""

import os

import gradio as gr
import httpx
from openai import OpenAI

URL, KEY = os.environ["LORALEI_URL"], os.environ["LORALEI_KEY"]  # the key of a frontend
loralei = OpenAI(base_url=f"{URL}/v1", api_key=KEY)
FEEDBACK = f"{URL}/v1/feedback"
http = httpx.Client(headers={"Authorization": f"Bearer {KEY}"})
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


def rate(history, event: gr.LikeData, request: gr.Request):
    target, user = history[event.index]["metadata"]["id"], request.username or "guest"
    if event.liked == "":  # taken back
        http.delete(f"{FEEDBACK}/gradio-{target}", params={"user": user}).raise_for_status()
    else:
        value = "up" if event.liked else "down"
        body = {"id": f"gradio-{target}", "target": target, "user": user, "value": value}
        http.post(FEEDBACK, json=body).raise_for_status()


def correct(history, event: gr.EditData, request: gr.Request):
    target, user = history[event.index]["metadata"]["id"], request.username or "guest"
    body = {"target": target, "user": user, "correction": event.value}
    http.post(FEEDBACK, json=body).raise_for_status()


with gr.Blocks() as app:
    chatbot = gr.Chatbot(editable="all")
    gr.ChatInterface(reply, chatbot=chatbot)
    chatbot.like(rate, chatbot)
    chatbot.edit(correct, chatbot)

if __name__ == "__main__":
    app.launch()
