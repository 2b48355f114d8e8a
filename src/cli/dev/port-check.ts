import net from "node:net";
import { type DevConfig, devPortConflicts, devPorts, StartRefusal } from "../../config/index.js";

/** The code of the error that listening there ends with; undefined when the port is free. */
function tryPort(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/**
 * Finds out before anything is started whether every port is to be had.
 *
 * @param numbers of the nodes
 * @throws StartRefusal naming all that are not
 */
export async function checkPorts(config: DevConfig, numbers: readonly number[]): Promise<void> {
  const problems = devPortConflicts(config, numbers);
  for (const { port, user, flag } of devPorts(config, numbers)) {
    const code = await tryPort(config.host, port);
    if (code === undefined) continue;
    if (code === "EADDRINUSE")
      problems.push(`port ${port} (${user}) is in use: free it, or choose another with ${flag}`);
    else if (code === "EACCES") problems.push(`port ${port} (${user}) needs privileges: choose another with ${flag}`);
    else
      throw new StartRefusal(
        `cannot listen on ${config.host} (${code}): choose an address of this machine with --host`,
      );
  }
  if (problems.length > 0) throw new StartRefusal(problems.join("\n"));
}
