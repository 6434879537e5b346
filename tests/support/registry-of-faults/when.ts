import type { Fault } from "../../../cli/demo/registry/reply.ts";

/** Limits a fault to reads of matching paths. */
export function on(path: RegExp, fault: Fault): Fault {
  return (exchange) => (exchange.method === "GET" && path.test(exchange.url) ? fault(exchange) : undefined);
}

/** Only the n-th matching request, counted from 1, and those after it. */
export function fromTimes(n: number, fault: Fault): Fault {
  let times = 0;
  return (exchange) => (++times >= n ? fault(exchange) : undefined);
}

/** Only the first n matching requests. */
export function firstTimes(n: number, fault: Fault): Fault {
  let times = 0;
  return (exchange) => (++times <= n ? fault(exchange) : undefined);
}

/** Every second request: the first is answered truly, the next with the fault, and so on. */
export function everyOther(fault: Fault): Fault {
  let times = 0;
  return (exchange) => (++times % 2 === 0 ? fault(exchange) : undefined);
}

/** One fault after another on the same answer. */
export function both(first: Fault, second: Fault): Fault {
  return async (exchange) => {
    const reply = (await first(exchange)) ?? exchange.reply;
    return (await second({ ...exchange, reply })) ?? reply;
  };
}
