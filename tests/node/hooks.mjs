// SPDX-License-Identifier: Apache-2.0
// Signs and judges inbound webhooks by the services' own libraries. One JSON object a line in, one
// a line out: {"do": "sign" | "judge", "scheme", "secret", "body", ...}. Slack's library judges
// alone: there the signature is made by the rules that its documentation gives.
import { createHmac } from "node:crypto";
import { createInterface } from "node:readline";
import * as github from "@octokit/webhooks-methods";
import Stripe from "stripe";
import { Webhook } from "standardwebhooks";
import twilio from "twilio";
import bolt from "@slack/bolt";

const stripe = new Stripe("sk_test_none");
const fields = (form) => {
  const found = {};
  for (const [name, value] of new URLSearchParams(form)) {
    found[name] = name in found ? [found[name], value].flat() : value;
  }
  return found;
};
const isForm = (ask) => (ask.content ?? "").startsWith("application/x-www-form-urlencoded");

const schemes = {
  github: {
    async sign(ask) {
      return {
        "X-Hub-Signature-256": await github.sign(ask.secret, ask.body),
        "X-GitHub-Delivery": ask.id,
        "X-GitHub-Event": ask.event ?? "push",
      };
    },
    judge: (ask) => github.verify(ask.secret, ask.body, ask.headers["X-Hub-Signature-256"]),
  },
  stripe: {
    async sign(ask) {
      return {
        "Stripe-Signature": stripe.webhooks.generateTestHeaderString({
          payload: ask.body,
          secret: ask.secret,
          timestamp: ask.timestamp,
        }),
      };
    },
    async judge(ask) {
      stripe.webhooks.constructEvent(ask.body, ask.headers["Stripe-Signature"], ask.secret);
      return true;
    },
  },
  slack: {
    async sign(ask) {
      const text = `v0:${ask.timestamp}:${ask.body}`;
      return {
        "X-Slack-Signature": "v0=" + createHmac("sha256", ask.secret).update(text).digest("hex"),
        "X-Slack-Request-Timestamp": String(ask.timestamp),
      };
    },
    async judge(ask) {
      bolt.verifySlackRequest({
        signingSecret: ask.secret,
        body: ask.body,
        headers: {
          "x-slack-signature": ask.headers["X-Slack-Signature"],
          "x-slack-request-timestamp": Number(ask.headers["X-Slack-Request-Timestamp"]),
        },
      });
      return true;
    },
  },
  twilio: {
    async sign(ask) {
      const digest = "bodySHA256=" + twilio.getExpectedBodyHash(ask.body);
      const url = isForm(ask) ? ask.url : ask.url + (ask.url.includes("?") ? "&" : "?") + digest;
      return {
        "X-Twilio-Signature": twilio.getExpectedTwilioSignature(
          ask.secret,
          url,
          isForm(ask) ? fields(ask.body) : {},
        ),
        "I-Twilio-Idempotency-Token": ask.id,
        ":url": url,
      };
    },
    async judge(ask) {
      const signature = ask.headers["X-Twilio-Signature"];
      return isForm(ask)
        ? twilio.validateRequest(ask.secret, signature, ask.url, fields(ask.body))
        : twilio.validateRequestWithBody(ask.secret, signature, ask.url, ask.body);
    },
  },
  "standard-webhooks": {
    async sign(ask) {
      const at = new Date(ask.timestamp * 1000);
      return {
        "webhook-id": ask.id,
        "webhook-timestamp": String(ask.timestamp),
        "webhook-signature": new Webhook(ask.secret).sign(ask.id, at, ask.body),
      };
    },
    async judge(ask) {
      new Webhook(ask.secret).verify(ask.body, ask.headers);
      return true;
    },
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line);
  let answer;
  try {
    answer = await schemes[ask.scheme][ask.do](ask);
  } catch (error) {
    answer = ask.do === "judge" ? false : { ":error": String(error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
