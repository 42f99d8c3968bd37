"""The peers: each a function that gives the chunks of a text, and what it says their tokens are."""

from dataclasses import dataclass
from typing import Callable

SIZE, OVERLAP = 512, 64
ENCODING = "cl100k_base"


@dataclass(frozen=True)
class Peer:
    name: str
    boundaries: str  # what its chunks end at
    make: Callable  # gives the function: text to a list of chunks, each a text or a pair of text and tokens


def langchain_recursive():
    from langchain_text_splitters import RecursiveCharacterTextSplitter as Splitter

    return Splitter.from_tiktoken_encoder(encoding_name=ENCODING, chunk_size=SIZE, chunk_overlap=OVERLAP).split_text


def langchain_token():
    from langchain_text_splitters import TokenTextSplitter

    return TokenTextSplitter(encoding_name=ENCODING, chunk_size=SIZE, chunk_overlap=OVERLAP).split_text


def llamaindex_sentence():
    import tiktoken
    from llama_index.core.node_parser import SentenceSplitter

    encode = tiktoken.get_encoding(ENCODING).encode_ordinary
    return SentenceSplitter(chunk_size=SIZE, chunk_overlap=OVERLAP, tokenizer=encode).split_text


def chonkie(name, **options):
    def make():
        import chonkie
        import tiktoken

        chunker = getattr(chonkie, name)(tiktoken.get_encoding(ENCODING), chunk_size=SIZE, **options)
        return lambda text: [(chunk.text, chunk.token_count) for chunk in chunker.chunk(text)]

    return make


def semchunk(memoize):
    def make():
        import semchunk
        import tiktoken

        chunker = semchunk.chunkerify(tiktoken.get_encoding(ENCODING), SIZE, memoize=memoize)
        return lambda text: chunker(text, overlap=OVERLAP)

    return make


def text_splitter():
    from semantic_text_splitter import TextSplitter

    return TextSplitter.from_tiktoken_model("gpt-4", SIZE, overlap=OVERLAP).chunks


PEERS = [
    Peer("langchain_token", "none", langchain_token),
    Peer("langchain_recursive", "paragraph, line, word", langchain_recursive),
    Peer("llamaindex_sentence", "paragraph, sentence", llamaindex_sentence),
    Peer("chonkie_token", "none", chonkie("TokenChunker", chunk_overlap=OVERLAP)),
    Peer("chonkie_sentence", "sentence", chonkie("SentenceChunker", chunk_overlap=OVERLAP)),
    Peer("chonkie_recursive (no overlap)", "paragraph, sentence", chonkie("RecursiveChunker")),
    Peer("semchunk", "paragraph, sentence, clause", semchunk(False)),
    Peer("semchunk_again (remembers these texts)", "paragraph, sentence, clause", semchunk(True)),
    Peer("text_splitter", "paragraph, sentence, word", text_splitter),
]
