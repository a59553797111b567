"""A bare AudioSocket echo on asyncio, as people write it: what a server in Python costs when it does nothing.

Knows the message header and no more. Run as ``python echo_asyncio.py PORT``. It must not import the voicebot:
it is what the voicebot is held against.
"""

import asyncio
import sys

FIRST_AUDIO_KIND = 0x10


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Write back every audio message of one call until the caller is gone."""
    try:
        while True:
            header = await reader.readexactly(3)
            payload = await reader.readexactly(int.from_bytes(header[1:], "big"))
            if header[0] >= FIRST_AUDIO_KIND:
                writer.write(header + payload)
                await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # the caller hung up
    finally:
        writer.close()


async def main(port: int) -> None:
    """Serve calls on the loopback port until killed."""
    server = await asyncio.start_server(echo, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
