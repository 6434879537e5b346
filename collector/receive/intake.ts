import { CodedError } from "../../core/base/errors.ts";
import { COLLECTOR_ERRORS } from "../errors.ts";

/** Bytes of request bodies held at once, of all requests together; those beyond are asked to come again. */
export const IN_FLIGHT_LIMIT_BYTES = 256 * 1024 * 1024;

/** What one request holds of the memory for bodies. */
export interface Hold {
  /** @throws {CodedError} COLLECTOR_MEMORY_PRESSURE */
  take(bytes: number): void;
  release(): void;
}

/** The memory for bodies that are being received and those that wait for their turn. */
export class Intake {
  readonly #limit: number;
  #held = 0;

  constructor(limitBytes = IN_FLIGHT_LIMIT_BYTES) {
    this.#limit = limitBytes;
  }

  hold(): Hold {
    let own = 0;
    return {
      take: (bytes) => {
        if (this.#held + bytes > this.#limit) throw memoryPressure("too many bytes of other requests wait");
        this.#held += bytes;
        own += bytes;
      },
      release: () => {
        this.#held -= own;
        own = 0;
      },
    };
  }
}

export function memoryPressure(why: string): CodedError {
  const { fix } = COLLECTOR_ERRORS.COLLECTOR_MEMORY_PRESSURE;
  return new CodedError("COLLECTOR_MEMORY_PRESSURE", `telemetry request: ${why}`, fix);
}
