// Measures llama.cpp for bench_llama_cpp.py: `node llama_cpp.mjs FOLDER MODEL THREADS SEQUENCES`.
// FOLDER holds node_modules with node-llama-cpp. Each line of input is a number of sequences, each
// line of output their tokens per second together: 128 tokens each after a prompt of 40.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, modelPath, threads, sequences] = process.argv.slice(2);
const { getLlama, LlamaLogLevel } = await import(
    pathToFileURL(createRequire(`${folder}/`).resolve("node-llama-cpp"))
);
const PROMPT = 40;
const TOKENS = 128;

const llama = await getLlama({
    gpu: false,
    build: "never",
    logLevel: LlamaLogLevel.error,
    maxThreads: Number(threads),
});
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({
    contextSize: 256,
    sequences: Number(sequences),
    threads: { ideal: Number(threads), min: Number(threads) },
});
const all = Array.from({ length: Number(sequences) }, () => context.getSequence());
const text = "Tell me about the sea, its colours and the people who live by it. ".repeat(8);
const words = model.tokenize(text).slice(0, PROMPT - 1);

async function write(sequence, index, started) {
    await sequence.clearHistory();
    const prompt = [words[index % words.length], ...words];
    let count = 0;
    for await (const _ of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
        if (count === 0) started();
        if (++count > TOKENS) break;
    }
}

for await (const line of createInterface({ input: process.stdin })) {
    const used = all.slice(0, Number(line));
    let waiting = used.length;
    let began;
    await Promise.all(
        used.map((sequence, index) =>
            write(sequence, index, () => {
                if (--waiting === 0) began = performance.now();
            }),
        ),
    );
    const seconds = (performance.now() - began) / 1000;
    console.log(((used.length * TOKENS) / seconds).toFixed(3));
}
