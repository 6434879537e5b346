import { bench, do_not_optimize, run } from "mitata";
import { HeadScanner } from "../core/wire/http1/head.ts";
import { RequestHead, ResponseHead } from "../core/wire/http1/message.ts";
import { HOP_BY_HOP, rewrittenSize, writeRequest } from "../core/wire/http1/write.ts";
import { Recorder } from "../sidecar/telemetry/recorder.ts";

/** What the data path does per request besides system calls: scan and judge both heads, rewrite one, count. */
const REQUEST = Buffer.from(
  "POST /orders/17/items?page=2 HTTP/1.1\r\nHost: checkout.shop:8080\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\n" +
    "Content-Type: application/json\r\nContent-Length: 42\r\nAuthorization: Bearer abcdefghijklmnopqrstuvwxyz\r\n" +
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n",
);
const RESPONSE = Buffer.from(
  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\nContent-Length: 17\r\n\r\n",
);
const ADDED = Buffer.from("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n");
const out = Buffer.alloc(4096);
const requests = new HeadScanner("request");
const responses = new HeadScanner("response");
const request = new RequestHead();
const response = new ResponseHead();
const recorder = new Recorder();

function scanRequest(): void {
  requests.reset();
  requests.scan(REQUEST, 0, REQUEST.length);
  request.judge(requests, REQUEST, 0);
}

bench("scan and judge a request head", () => do_not_optimize(scanRequest()));
bench("scan and judge a response head", () => {
  responses.reset();
  responses.scan(RESPONSE, 0, RESPONSE.length);
  do_not_optimize(response.judge(responses, RESPONSE, 0, "GET"));
});
scanRequest();
bench("rewrite a request head", () => {
  do_not_optimize(rewrittenSize(requests, ADDED));
  do_not_optimize(writeRequest(out, requests, request, REQUEST, 0, HOP_BY_HOP, ADDED));
});
bench("count a request and its duration", () => {
  const route = recorder.routes.number("POST", "/orders/17/items?page=2");
  recorder.finished({ direction: "inbound", peer: 0, route, method: "POST", status: 200, seconds: 0.0123 });
});

await run();
