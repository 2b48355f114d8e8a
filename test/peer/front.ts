import { connect, createServer, type Server, type Socket } from "node:net";

/** Stands before a node, and can die in its place. */
export class Front {
  /** What happens to a connection that comes in. */
  instead: (socket: Socket) => void;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(port: number) {
    this.instead = (socket) => {
      const behind = connect({ host: "127.0.0.1", port });
      this.#keep(behind);
      socket.pipe(behind).pipe(socket);
      socket.once("close", () => behind.destroy());
      behind.once("close", () => socket.destroy());
    };
    this.#server = createServer((socket) => {
      this.#keep(socket);
      this.instead(socket);
    });
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve) => {
      this.#server.listen(port, "127.0.0.1", resolve);
    });
  }

  get connectionCount(): number {
    return this.#sockets.size;
  }

  /** Ends all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => {
        resolve();
      });
      this.cut();
    });
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => this.#sockets.delete(socket));
  }
}
