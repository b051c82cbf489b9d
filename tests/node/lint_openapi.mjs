// SPDX-License-Identifier: Apache-2.0
// Lints the OpenAPI document on standard input by Redocly's recommended rules, a problem a line;
// exit status 1 when there is one.
import { readFileSync } from "node:fs";
import { createConfig, lintFromString } from "@redocly/openapi-core";

const config = await createConfig({
  extends: ["recommended"],
  telemetry: "off",
  rules: {
    "operation-4xx-response": "off", // failures are `default`, a problem document
    "operation-2xx-response": "off", // a WebSocket answers 101
  },
});
const problems = await lintFromString({
  source: readFileSync(0, "utf8"),
  absoluteRef: "openapi.json",
  config,
});
for (const problem of problems)
  console.log(problem.severity, problem.ruleId, problem.location[0]?.pointer, problem.message);
process.exit(problems.length > 0 ? 1 : 0);
