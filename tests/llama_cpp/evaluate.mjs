// What llama.cpp makes of token ids, with a LoRA adapter or without. Arguments: a folder with
// node-llama-cpp, the GGUF model, the GGUF adapter or "", the ids as JSON, the number of new tokens.
// Prints {"logits": a list for each of the last ids, "tokens": the greedy continuation}.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const ROWS = 4; // a row takes the library a while
const [folder, modelPath, adapter, ids, newTokens] = process.argv.slice(2);
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(createRequire(`${folder}/`).resolve("node-llama-cpp")));

const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error });
const model = await llama.loadModel({ modelPath });
const lora = adapter ? { adapters: [{ filePath: adapter }] } : undefined;
// Idle threads of llama.cpp spin, which is slow beside other work.
const context = await model.createContext({ contextSize: 256, threads: 1, lora });
const sequence = context.getSequence();

const tokens = JSON.parse(ids);
const before = tokens.slice(0, -ROWS);
const rows = tokens.slice(-ROWS).map((token) => [token, { generateNext: { logits: true } }]);
const evaluated = await sequence.controlledEvaluate([...before, ...rows]);
const logits = evaluated.slice(-ROWS).map(({ next }) => {
  const row = [];
  for (const [token, logit] of next.logits) row[token] = logit;
  return row;
});

await sequence.clearHistory();
const continuation = [];
for await (const token of sequence.evaluate(tokens, { temperature: 0, yieldEogToken: true })) {
  continuation.push(token);
  if (continuation.length >= Number(newTokens)) break;
}
process.stdout.write(JSON.stringify({ logits, tokens: continuation }));
await llama.dispose();
