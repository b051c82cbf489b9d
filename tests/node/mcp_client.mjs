// SPDX-License-Identifier: Apache-2.0
// The official MCP clients, driven line by line: a step of JSON in, what became of it out.
//   node mcp_client.mjs legacy|modern http URL [TOKEN]
//   node mcp_client.mjs legacy|modern stdio PROGRAM [ARGUMENT...]
// Steps: {"do": METHOD of Client, "with": [ARGUMENT...]}; {"do": "news"} waits for the next
// notification; {"do": "complaints"} gives what the client had to complain of; "close" ends.
import { createInterface } from "node:readline";

const [era, kind, ...rest] = process.argv.slice(2);

async function load() {
  if (era === "legacy") {
    const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
    const http = await import("@modelcontextprotocol/sdk/client/streamableHttp.js");
    const stdio = await import("@modelcontextprotocol/sdk/client/stdio.js");
    return [Client, http.StreamableHTTPClientTransport, stdio.StdioClientTransport, {}];
  }
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const { StdioClientTransport } = await import("@modelcontextprotocol/client/stdio");
  return [
    Client,
    StreamableHTTPClientTransport,
    StdioClientTransport,
    { versionNegotiation: { mode: { pin: "2026-07-28" } } },
  ];
}

const [Client, Http, Stdio, options] = await load();
const complaints = [];
const news = [];
let wake = () => {};

function makeTransport() {
  if (kind === "http") {
    const headers = rest[1] ? { Authorization: `Bearer ${rest[1]}` } : {};
    return new Http(new URL(rest[0]), { requestInit: { headers } });
  }
  return new Stdio({ command: rest[0], args: rest.slice(1), env: process.env, stderr: "inherit" });
}

const transport = makeTransport();
const client = new Client({ name: "tenon-tests", version: "1" }, options);
client.onerror = (error) => complaints.push(String(error));
client.fallbackNotificationHandler = async (one) => {
  news.push(one);
  wake();
};

async function nextNews() {
  while (news.length === 0)
    await new Promise((resolve) => {
      wake = resolve;
    });
  return news.shift();
}

async function run(step) {
  if (step.do === "connect") {
    await client.connect(transport);
    return { capabilities: client.getServerCapabilities(), server: client.getServerVersion() };
  }
  if (step.do === "listen") {
    await client.listen(...step.with); // what it gives back cannot be written down
    return {};
  }
  if (step.do === "news") return nextNews();
  if (step.do === "complaints") return complaints;
  if (step.do === "session") return transport.sessionId ?? null;
  if (step.do === "terminate") return (await transport.terminateSession()) ?? null;
  if (step.do === "abort") {
    const stop = new AbortController();
    setTimeout(() => stop.abort("enough"), step.after);
    return client.callTool(step.with[0], ...(era === "legacy" ? [undefined] : []), {
      signal: stop.signal,
    });
  }
  return client[step.do](...(step.with ?? []));
}

for await (const line of createInterface({ input: process.stdin })) {
  const step = JSON.parse(line);
  if (step.do === "close") break;
  let answer;
  try {
    answer = { result: await run(step) };
  } catch (error) {
    answer = { error: { code: error.code ?? null, message: String(error.message ?? error) } };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await client.close();
process.exit(0);
