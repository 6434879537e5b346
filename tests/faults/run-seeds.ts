import { execa } from "execa";

/** What `node tools/gate-seeds.ts` said, and how it ended. */
export async function runSeeds(
  ...args: readonly string[]
): Promise<{ readonly exitCode: number; readonly lines: string[] }> {
  const { exitCode, stdout } = await execa(process.execPath, ["tools/gate-seeds.ts", ...args], {
    cwd: new URL("../..", import.meta.url),
    reject: false,
    nodeOptions: [],
  });
  return { exitCode: exitCode ?? -1, lines: stdout.split("\n") };
}
