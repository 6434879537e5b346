import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { children, expectTag, readDer, TAG } from "../../../core/wire/x509/der.ts";
import { integer, sequence } from "../../../core/wire/x509/der-writer.ts";
import type { Issued } from "./certificates.ts";
import { type TimestampWish, timestampOver } from "./timestamps.ts";

/** A timestamp authority on loopback. @see RFC 3161 section 3.4 */
export async function startTimestampServer(
  by: Issued,
  wish: Partial<TimestampWish> = {},
): Promise<{ url: string; stop: () => void }> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      response.setHeader("content-type", "application/timestamp-reply");
      response.end(answer(Buffer.concat(chunks), by, wish));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop: () => server.close() };
}

/** TimeStampResp: granted, and a token over what was asked about. @see RFC 3161 section 2.4 */
function answer(query: Uint8Array, by: Issued, wish: Partial<TimestampWish>): Uint8Array {
  const [, imprint, ...rest] = children(readDer(query));
  const nonce = rest.find(({ tag }) => tag === TAG.integer);
  const token = timestampOver(new Uint8Array(), by, {
    messageImprint: expectTag(imprint, TAG.sequence).encoded,
    ...(nonce && { nonce: nonce.content }),
    ...wish,
  });
  return sequence(sequence(integer(Uint8Array.of(0))), token);
}
