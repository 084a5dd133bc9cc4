"""TLS before something that has none, by an authority that nobody knows but who is given its certificate."""

import asyncio
import ssl
import threading

import trustme


class Tls:
    """Forwards what comes by TLS for `name` at `address` to `upstream`, a host and a port."""

    def __init__(self, name, address, upstream):
        authority = trustme.CA()
        self.authority = authority.cert_pem.bytes()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        started = threading.Event()

        async def serve():
            async def accepted(reader, writer):
                to_reader, to_writer = await asyncio.open_connection(*upstream)
                await asyncio.gather(pass_on(reader, to_writer), pass_on(to_reader, writer))

            server = await asyncio.start_server(accepted, address, 0, ssl=context)
            self.url = f"https://{name}:{server.sockets[0].getsockname()[1]}"
            started.set()
            await server.serve_forever()

        threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()
        if not started.wait(10):
            raise RuntimeError("TLS is not served")


async def pass_on(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
