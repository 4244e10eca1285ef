"""Questions and answers about flashmoe, the program spark comes with.

The facts are those of the command line's reference, the README and the product page.
Each is asked in wordings composed from parts; the wordings of a part are its own.
A fact: (asks, answers, groups), where an answer must hold one word of each group.
"""

import re

from . import flashmoe_grammar as grown
from . import parts
from .grammar import Grammar, normal, others

# name: (what it does, to do what with it, the flags or facts an answer must touch); "later": not in this version.
COMMANDS = {
    "run": ("completes one prompt and prints the answer", ["answer one prompt", "complete a prompt", "get one answer from a model", "ask the model something", "generate a text from a prompt", "get a single completion"], [["prompt", "completion", "answer"]]),
    "show": ("prints what was understood of a checkpoint: layers, experts, bits and bytes", ["see the layers and experts of a model", "see how many bits a model has", "look at a checkpoint", "find out how large an expert is", "see what flashmoe understood of a model", "inspect a model"], [["checkpoint", "layers", "model"]]),
    "tokenize": ("turns text into token ids, and with --decode ids into text", ["turn text into tokens", "see the token ids of a text", "turn ids back into text", "count the tokens of a text", "split text into tokens", "decode token ids"], [["token", "tokens", "ids"]]),
    "eval": ("measures quality: perplexity, logits, KL and the task suite", ["measure the quality of a model", "compute the perplexity of a text", "compare logits with a reference", "run the task suite", "find out how good a model is", "get the KL against reference logits"], [["quality", "perplexity"]]),
    "synth": ("writes a random-weight checkpoint of any shape, for tests and benchmarks", ["make a model with random weights", "write a random checkpoint", "get a test model of a large shape", "make a fake model for benchmarks", "create a checkpoint without training", "try a shape without a download"], [["random"]]),
    "pack": ("rewrites a checkpoint into the packed layout, one aligned record per expert", ["rewrite a checkpoint into the packed layout", "pack a model", "put each expert into one record", "requantise a model", "make the experts contiguous on disk", "prepare a model for fast reading"], [["packed", "layout", "record"]]),
    "verify": ("checks every expert record and dense tensor against its stored hash", ["check a packed model for damage", "find a flipped bit in a model", "check the hashes of a model", "see if a model is damaged", "test that no record is corrupt", "make sure that a packed model is whole"], [["hash", "check", "checks"]]),
    "plan": ("shows what a model would need before you wait: memory, cache slots and expected speed", ["see the memory plan of a model", "know whether a model fits", "predict the speed before loading", "see what will be resident", "simulate another machine's memory", "find the bottleneck before the wait"], [["memory", "plan", "speed"]]),
    "doctor": ("reports on this machine: CPU level, memory, disk read rate and a self-test", ["check this machine", "measure the disk read rate", "see the CPU level", "run the kernel self-test", "get a machine report", "find out what is wrong with my machine"], [["machine", "report", "cpu", "disk"]]),
    "tune": ("measures this machine and saves the settings that win by 3 % or more", ["find the best settings for this machine", "choose threads and queue depth", "make flashmoe faster on this machine", "measure which settings win", "optimise the settings", "save the fastest settings"], [["measures", "settings"]]),
    "bench": ("measures decode and prefill speed with hit rate and bytes per token", ["measure the speed", "benchmark a model", "see the tokens per second", "see the hit rate", "plot the speed against memory", "time decode and prefill"], [["speed"]]),
    "help": ("prints the help of a command", ["see the flags of a command", "read the help", "get help for a command", "see how a command is used", "learn what a command takes", "print the help of eval"], [["help"]]),
}
LATER = {
    "chat": ("a conversation in the terminal", ["chat in the terminal", "have a conversation in the terminal", "talk to the model turn by turn", "keep talking in one terminal", "start an interactive chat", "chat with a model"]),
    "serve": ("an HTTP API and a local web page", ["start an HTTP server", "get an OpenAI-compatible API", "open the web page", "serve a model over HTTP", "use flashmoe from an API client", "run a server"]),
    "pull": ("a verified download of a model", ["download a model", "fetch a model from Hugging Face", "get a repository into the model store", "pull a model", "install a model from the internet", "resume a download"]),
    "list": ("the list of the model store", ["list the models in the store", "see which models I have", "show all stored models", "get a list of my models", "print the names in the model store", "see what is in the store"]),
    "rm": ("the removal of a model from the store", ["remove a model from the store", "delete a stored model", "free the space of a model", "throw a model away", "erase a model", "uninstall a model"]),
}
INSTEAD = {"chat": " Use `flashmoe run --session FILE` to go on with a conversation.", "serve": " Use `flashmoe run --json` in scripts.", "pull": " Download the files yourself and give the directory with -m.", "list": " Look into the directory of the model store.", "rm": " Delete its directory yourself."}
# flag: (what it does, how one asks for it, groups)
FLAGS = {
    "--memory": ("is a hard cap on everything flashmoe holds, like 8GiB", ["limit the memory", "set a memory cap", "keep flashmoe under 8 GiB", "say how much memory flashmoe may use", "make it use less RAM", "cap the cache and everything else"], [["cap", "limit"]]),
    "--context": ("sets how many tokens a session can hold", ["change how many tokens a session holds", "get a longer context", "set the context length", "make room for a long prompt", "choose the size of the context", "raise the context"], [["tokens"]]),
    "--threads": ("sets the compute threads; the default is one per core", ["choose the number of threads", "use fewer cores", "set the compute threads", "use four threads", "limit the CPU cores", "run on one thread"], [["threads"]]),
    "--backend": ("chooses the backend: cpu or auto", ["choose the backend", "run on the CPU", "pick cpu or auto", "select where it computes", "set the compute backend", "force the CPU"], [["backend", "cpu"]]),
    "--experts-per-token": ("sets K, the experts used per token; the default is the trained K", ["set K", "use fewer experts per token", "change the number of experts", "choose how many experts a token uses", "run with a smaller K", "change K"], [["k", "experts"]]),
    "--chunk": ("sets the most prompt tokens of one step; the default is 512", ["set the prompt tokens of one step", "change the chunk size", "make prompt steps smaller", "choose how the prompt is cut into steps", "limit the tokens of a step", "read the prompt in smaller pieces"], [["step", "512"]]),
    "--cpu-level": ("chooses the kernels: automatic, scalar, avx2, avx512, neon or neonDotprod", ["choose the CPU kernels", "force the scalar reference", "use AVX2", "pick the instruction level", "turn AVX-512 off", "run the exact reference kernels"], [["scalar", "kernels"]]),
    "--kv-format": ("sets the precision of the attention cache: f16 or f32", ["set the precision of the attention cache", "store the KV cache in f32", "change the KV precision", "choose f16 or f32 for the cache", "make the attention cache exact", "set the format of K and V"], [["f16", "f32", "precision"]]),
    "--no-direct-io": ("reads experts through the system's page cache", ["read through the page cache", "turn direct reads off", "use the system's page cache", "avoid direct IO", "let the system cache the experts", "switch off O_DIRECT"], [["page cache"]]),
    "--json": ("prints one JSON object on one line on stdout", ["get JSON", "get output for a script", "print one JSON object", "read the result with a program", "make the output machine-readable", "get the statistics as JSON"], [["json"]]),
    "--quiet": ("prints nothing on stderr but errors", ["silence the progress", "see only errors", "print nothing on stderr", "hide the progress bar", "make it quiet", "turn messages off"], [["errors", "nothing"]]),
    "--debug": ("shows stack traces with errors", ["see a stack trace", "debug an error", "get more details with an error", "show where an error comes from", "print the stack", "find out where it failed"], [["stack"]]),
    "--temperature": ("sets the randomness; 0 takes the most likely token", ["make the answer less random", "get the most likely token", "decode greedily", "set the randomness", "make the output the same each time", "turn sampling off"], [["most likely", "0", "random", "randomness"]]),
    "--top-p": ("keeps the likeliest tokens that sum to p", ["keep the tokens that sum to p", "use nucleus sampling", "sample from the top p", "cut the tail by probability mass", "limit the sum of probabilities", "set top p"], [["sum", "p"]]),
    "--top-k": ("keeps the k likeliest tokens; 0 keeps all", ["keep only the k likeliest tokens", "sample from 20 tokens", "limit the number of candidates", "set top k", "choose among the k best tokens", "cut all but k tokens"], [["likeliest", "k"]]),
    "--min-p": ("keeps tokens down to p times the likeliest", ["drop tokens far below the likeliest", "keep tokens down to a share of the best", "set min p", "cut unlikely tokens relative to the best", "filter tokens by the best one's probability", "set the smallest probability"], [["times", "likeliest"]]),
    "--repeat-penalty": ("divides the logits of tokens seen before", ["stop it from repeating itself", "punish repeated tokens", "lower the logits of seen tokens", "avoid repetition", "make repeats less likely", "divide logits of seen tokens"], [["divides", "seen"]]),
    "--seed": ("makes a run repeatable: the same seed gives the same reply", ["get the same reply again", "make sampling repeatable", "fix the random numbers", "repeat a run exactly", "set the random seed", "have the same random choice"], [["same"]]),
    "--stop": ("ends the reply before a given text; it may be repeated", ["end the reply at a text", "stop at a word", "stop before a certain text", "cut the reply at a full stop", "give a stop text", "set a stop word"], [["ends", "before"]]),
    "--logprobs": ("adds log probabilities of the n likeliest tokens to --json, at most 20", ["get log probabilities", "see the probability of each token", "see how sure the model was", "print the likeliest tokens", "get logprobs in JSON", "see alternatives for each token"], [["log probabilities", "probabilities"]]),
    "--max-tokens": ("sets the most tokens to generate; its short form is -n", ["limit the length of the answer", "generate at most 100 tokens", "make the reply shorter", "set the most tokens", "stop after 50 tokens", "bound the output"], [["most tokens", "-n", "generate"]]),
    "--system": ("gives the system message of a new conversation", ["set a system message", "give the model a role", "add a system prompt", "tell the model how to behave", "set the system prompt", "start with instructions"], [["system"]]),
    "--raw": ("completes the text as it is, without chat template", ["skip the chat template", "complete plain text", "prompt without a template", "continue a text as it is", "turn the chat template off", "use a base model"], [["template", "as it is"]]),
    "--think": ("asks the template for thoughts before the answer", ["let the model think first", "turn thinking on", "get thoughts before the answer", "make it reason", "switch thoughts on", "see the thoughts of the model"], [["thoughts"]]),
    "--no-think": ("asks the template for an answer without thoughts", ["turn thinking off", "get an answer without thoughts", "switch thoughts off", "stop the model from thinking", "skip the thoughts", "answer at once without reasoning"], [["without thoughts"]]),
    "--token-ids": ("gives the prompt as ids like 1,2,3 or a file of them, and needs no tokenizer", ["give the prompt as ids", "use a model without tokenizer", "prompt with token ids", "pass ids instead of text", "skip the tokenizer", "feed ids from a file"], [["ids"]]),
    "--ignore-eos": ("goes on after the model's end token", ["go on after the end token", "ignore the end token", "keep generating past the end", "not stop at the end token", "force a long output", "generate on and on"], [["end token"]]),
    "--session": ("continues the conversation in a file and saves it there", ["continue a conversation", "save the conversation", "keep the state between runs", "let the model remember my name in the next run", "resume where I stopped", "go on with an earlier talk"], [["conversation", "file"]]),
    "--stats": ("prints what the run cost, on stderr", ["see what a run cost", "print the speed of a run", "see tokens per second after a run", "see hit rate and bytes read", "get the statistics of a run", "know how long a run took"], [["cost", "stderr"]]),
    "--model": ("names the model: a directory, a stored name or spark; its short form is -m", ["choose the model", "use another model", "give the directory of a model", "run a model of my own", "select a checkpoint", "point at a model folder"], [["model"]]),
    "--decode": ("turns ids like 1,2,3 into text, in `flashmoe tokenize`", ["turn ids into text with tokenize", "go from tokens to text", "make tokenize work backwards", "read ids as text", "detokenize", "print the text of ids"], [["text"]]),
    "--reference": ("names the file with the reference logits of `flashmoe eval kl`", ["give reference logits to eval kl", "name the logits to compare with", "compare with logits of another model", "set the reference of the KL", "tell eval kl what to compare with", "use a logits file as the reference"], [["logits", "reference"]]),
    "--prefetch": ("reads the next layer's experts early by guessing them: auto, on or off", ["turn prefetching off", "read the next layer's experts early", "switch guessing on", "stop flashmoe from guessing experts", "control prefetching", "load experts before they are asked for"], [["early", "next layer", "next"]]),
    "--reader": ("chooses how experts are read: automatic, uring or pread", ["choose the reader", "use io_uring", "read with pread threads", "pick how the disk is read", "avoid io_uring", "select uring or pread"], [["read", "uring"]]),
    "--queue-depth": ("sets how many reads run at once", ["set the number of reads at once", "have more reads in flight", "change the queue depth", "make the disk work on more reads", "limit the reads at once", "deepen the read queue"], [["reads"]]),
    "--answers": ("grades answers made by any engine instead of running a model, in `flashmoe eval suite`", ["grade answers of another engine", "score answers without running a model", "give a file of answers to eval suite", "check answers that I already have", "use the suite with other programs", "grade a file of answers"], [["answers", "grades"]]),
    "--task": ("asks one task of the suite only; it may be repeated", ["run one task of the suite only", "test arithmetic alone in eval suite", "choose a task of the suite", "leave the other tasks out", "pick a single suite task", "limit the suite to one task"], [["task"]]),
    "--suite": ("gives items of your own to `flashmoe eval suite`, instead of the built-in ones", ["use my own suite", "give items of my own to eval suite", "replace the built-in suite", "test with my own questions", "load a suite from a file", "write my own task items"], [["own", "items"]]),
    "--shape": ("starts `flashmoe synth` from a known shape like tiny or qwen3.5-35b-a3b", ["choose a known shape in synth", "make a random model like the 35B", "start synth from a shape", "get the shape of the 397B", "name the shape of a random model", "write a tiny model"], [["shape", "tiny"]]),
    "--bits": ("sets the bits of the weights: 2, 3, 4, 5, 6 or 8", ["set the bits of a random model", "get 4-bit weights", "choose the quantisation", "write 8-bit weights", "change the bits of the weights", "requantise to 2 bits"], [["bits"]]),
}
EXITS = {
    "0": ("done", ["everything went well", "the command is done", "a run succeeds", "all is fine", "the reader of stdout left early", "nothing went wrong"], [["done", "ok", "fine"]]),
    "1": ("the operation failed, for example the disk or the session file", ["the operation failed", "the disk fails", "a session file cannot be written", "stdout cannot be written", "the work could not be done", "an input or output error happens"], [["failed"]]),
    "2": ("the command was called wrongly: a bad flag, a bad value or a prompt that is too long", ["a flag is unknown", "a value is out of range", "the prompt is empty", "the command was called wrongly", "--memory is too small", "the usage is wrong"], [["wrongly", "usage", "wrong"]]),
    "3": ("the model is missing, damaged or not supported", ["the model is missing", "the model is damaged", "the architecture is not supported", "the checkpoint is corrupt", "no model is found", "a shard is truncated"], [["missing", "damaged", "supported"]]),
    "130": ("the run was interrupted by Ctrl+C or SIGTERM", ["I press Ctrl+C", "the run was interrupted", "SIGTERM arrives", "somebody stops it", "the process is interrupted", "I cancel the run"], [["interrupted"]]),
}
ENVIRONMENT = {
    "FLASHMOE_HOME": ("is the directory of the model store", ["move the model store", "choose where models are stored", "set the directory of the store", "keep models on another disk", "tell flashmoe where its models are", "change the home of the models"], [["store"]]),
    "FLASHMOE_CACHE_DIR": ("is where the binary keeps its library and its model", ["choose where the binary unpacks its library", "move the private cache", "set another cache directory", "keep the embedded files elsewhere", "change where the library is copied to", "use another directory than the user's cache"], [["library"]]),
    "FLASHMOE_LIBRARY": ("names another native library of the same version", ["use another native library", "load my own build of the library", "test another library", "replace the native core", "point at a library file", "run with a different native library"], [["native library", "library"]]),
    "FLASHMOE_TRACE_FFI": ("set to 1, it counts and times the calls into the native core", ["count the native calls", "time the calls into the core", "trace the FFI", "see how many native calls are made", "measure the boundary", "log the calls into Zig"], [["calls"]]),
}
WORDS = {
    "expert": ("An expert is one small feed-forward network of a layer; the router picks a few for each token.", ["a small feed-forward network that the router picks", "the part of a layer that is chosen for each token", "the network that is read from disk when needed", "one of the many small networks of a layer", "what the router picks a few of", "the small network of a layer"], [["network"]]),
    "K": ("K is the number of experts used per token.", ["the number of experts used per token", "how many experts a token uses", "the count of chosen experts", "the experts per token as a letter", "how many experts the router picks", "the size of the router's choice"], [["experts"]]),
    "record": ("A record is all bytes of one expert on disk.", ["all bytes of one expert on disk", "an expert's bytes on disk", "what is read for one expert", "the unit that is read from disk", "one expert as bytes", "the bytes that make an expert"], [["bytes", "expert"]]),
    "extent": ("An extent is a contiguous range of bytes in a file; a record is a list of extents.", ["a contiguous range of bytes in a file", "the pieces that a record is made of", "a range of bytes in a file", "one contiguous piece of a file", "what a record is a list of", "a stretch of bytes on disk"], [["range", "bytes"]]),
    "slot": ("A slot is room for one record in memory.", ["room for one record in memory", "the place in memory for one expert", "where a record goes in memory", "a place in the cache", "the memory for one record", "the room that a record takes in the cache"], [["memory", "room"]]),
    "resident": ("Resident means in memory: an expert in a slot, or the dense part.", ["being in memory", "an expert that is in a slot", "what stays in memory", "the state of the dense part", "data that is already in memory", "in memory, in one word"], [["memory"]]),
    "hit": ("A hit means that the wanted expert is already in memory.", ["finding the wanted expert in memory", "an expert that need not be read", "when the expert is already there", "the lucky case of the cache", "a wanted expert that is resident", "the opposite of a miss"], [["memory", "resident"]]),
    "miss": ("A miss means that the wanted expert must be read from disk.", ["having to read the wanted expert", "when an expert is not in memory", "the slow case of the cache", "an expert that must be read", "the opposite of a hit", "a wanted expert that is not resident"], [["read", "disk"]]),
    "step": ("A step is one forward pass over a batch of tokens: one token when decoding, a chunk of the prompt before.", ["one forward pass", "a pass over a batch of tokens", "what happens once per token when decoding", "one pass through the model", "a forward pass over a chunk", "the unit of computing"], [["forward pass", "pass"]]),
    "session": ("A session is one timeline of tokens with its state.", ["a timeline of tokens with its state", "a conversation's state", "tokens together with caches and position", "one line of tokens", "what --session saves", "the state of one conversation"], [["state", "timeline"]]),
    "plan": ("A plan is what an engine will hold in memory, in bytes, before it holds it.", ["what an engine will hold in memory", "the bytes that will be needed", "the memory counted before it is taken", "the forecast of memory", "bytes counted in advance", "the list of what will be held"], [["memory", "bytes"]]),
    "shard": ("A shard is one file of a checkpoint that is split over several.", ["one file of a split checkpoint", "a part of a checkpoint", "one of several checkpoint files", "a file of a model in many files", "what a large checkpoint is split into", "one piece of a checkpoint"], [["file"]]),
    "router": ("The router picks the experts that a token uses, K of them in each layer.", ["the part that picks the experts", "what chooses experts for a token", "the gate of a layer", "the chooser of experts", "the network that scores experts", "what decides which experts run"], [["experts", "picks"]]),
    "checkpoint": ("A checkpoint is a directory with a model: config.json, safetensors files and a tokenizer.", ["a directory with a model", "the files of a model", "safetensors with a config", "what flashmoe loads", "a trained model on disk", "a folder of weights"], [["model"]]),
    "prefill": ("Prefill is reading the prompt, in chunks, before the first token is generated.", ["reading the prompt before the first token", "the phase before decoding", "how the prompt is processed", "the work on the prompt", "the first phase of a run", "processing the prompt in chunks"], [["prompt"]]),
    "decode": ("Decode is the phase that generates the tokens, one step for each.", ["generating tokens one by one", "the phase after prefill", "producing the reply", "one step per new token", "the second phase of a run", "writing the answer token by token"], [["tokens", "generates"]]),
    "hit rate": ("The hit rate is the share of wanted experts that were already in memory.", ["the share of experts found in memory", "how often the cache helps", "hits divided by all lookups", "the success of the cache", "the part of experts that need no read", "how many experts were resident"], [["share", "memory"]]),
    "quantisation": ("Quantisation stores weights in few bits, like 4, with a scale and a bias for each group.", ["storing weights in few bits", "making weights smaller", "turning weights into 4 bits", "using 4 bits instead of 16", "shrinking a model by fewer bits", "weights with scales and biases"], [["bits"]]),
}
TRAITS = [
    (["What is flashmoe?", "What does flashmoe do?", "Explain flashmoe in one sentence.", "What kind of program is flashmoe?", "Tell me about flashmoe.", "What is flashmoe for?", "Describe flashmoe.", "flashmoe: what is it?", "Why would I use flashmoe?", "What is the purpose of flashmoe?", "What can flashmoe do for me?", "Give me a short description of flashmoe."],
     ["flashmoe runs Mixture-of-Experts models that are far larger than memory, from one file.", "flashmoe is a program that runs Mixture-of-Experts models larger than memory: the experts stay on the disk."], [["mixture-of-experts", "experts"]]),
    (["Where are the experts kept?", "Where do the experts stay?", "Does flashmoe load all experts into memory?", "How can a model be larger than memory?", "How does flashmoe run a model that does not fit into RAM?", "What stays on the disk?", "Why does a large model fit?", "Which part of the model is on the SSD?", "How does flashmoe save memory?", "Where does flashmoe hold the experts?", "Are the experts in RAM?", "What is the trick of flashmoe?"],
     ["The experts stay on the disk and are read as the router asks for them; the dense part stays in memory.", "The dense part is in memory, the experts are on the disk and are read when they are needed."], [["disk"]]),
    (["Did flashmoe run on a Mac?", "Was flashmoe tested on a Mac?", "Does it run on macOS?", "Can I trust flashmoe on a Mac?", "Is the Mac version tested?", "Has anybody run flashmoe on Apple Silicon?", "What about macOS?", "How well does flashmoe work on my Mac?", "Is flashmoe tested on macOS?", "Did you measure flashmoe on a Mac?", "Does flashmoe work on a MacBook?", "Are there Mac results?"],
     ["Nothing ran on a Mac yet: the macOS build is cross-compiled only.", "The macOS build is cross-compiled, but nothing ran on a Mac."], [["nothing ran", "nothing"], ["mac"]]),
    (["On which systems did flashmoe run?", "Where was flashmoe tested?", "What did flashmoe run on?", "Which platform is tested?", "On which machines was it tested?", "Is flashmoe tested on Linux?", "What systems are tested?", "Does flashmoe run on Linux?", "Which operating system did it run on?", "What hardware was flashmoe tested on?", "On what was it tested?", "Which CPUs ran flashmoe?"],
     ["flashmoe ran on Linux on x86-64. Nothing ran on a Mac.", "It ran on Linux, on x86-64 processors."], [["linux"]]),
    (["Does flashmoe use the GPU?", "Is there GPU support?", "Can I use CUDA?", "Can I use Metal?", "Does it run on my graphics card?", "Which GPU do I need?", "Does flashmoe need a GPU?", "Can flashmoe run on an NVIDIA card?", "GPU support?", "Will my GPU be used?", "Is a graphics card needed?", "Does flashmoe support GPUs?"],
     ["No, this version computes on the CPU. GPUs are not there yet.", "Not in this version yet: flashmoe runs on the CPU."], [["cpu", "not"]]),
    (["Which model families does flashmoe read?", "Which models can flashmoe run?", "What architecture is supported?", "Which checkpoints work?", "Does flashmoe run every model?", "What models are supported?", "Can flashmoe run a Llama model?", "Which kinds of models can it read?", "What family of models is it for?", "Which architecture does flashmoe support?", "Can I run any model?", "Name the supported models."],
     ["flashmoe reads checkpoints of the qwen3_5_moe family: Qwen3.5 and Qwen3.6 mixture-of-experts models.", "The qwen3_5_moe family, in MLX or Hugging Face safetensors."], [["qwen3_5_moe", "qwen3.5"]]),
    (["Which file formats does flashmoe read?", "What format must a checkpoint have?", "Does flashmoe read GGUF?", "Which formats are supported?", "Can it read safetensors?", "In which format are the weights?", "What files does flashmoe load?", "What kind of weight files can I use?", "Does it read MLX models?", "Which weight format is needed?", "Do I have to convert a model first?", "Is a conversion needed?"],
     ["It reads safetensors, in the MLX or the Hugging Face layout; nothing is converted first.", "safetensors files as they are published: MLX quantised, or plain bf16."], [["safetensors"]]),
    (["Does the cache size change the output?", "Does --memory change the text?", "Do threads change the answer?", "Is the output the same with less memory?", "Will a small cache give other text?", "Does placement change the result?", "Is flashmoe deterministic?", "Are the logits the same with any cache?", "Can less RAM make the answer worse?", "Does the number of threads change the output?", "Do I get another answer with another cache size?", "Is the text the same whatever the memory?"],
     ["No. Memory, threads and cache never change the output: it is the same, byte for byte.", "The output is the same whatever the memory, the threads or the cache."], [["same", "never"]]),
    (["Which model answers when I name none?", "What is the default model?", "Which model is inside the binary?", "What is spark?", "What is the embedded model?", "Do I need to download a model first?", "Which model comes with flashmoe?", "Who answers without -m?", "What runs when no model is given?", "Is there a model in the binary?", "What is the model inside flashmoe called?", "What happens if I give no model?"],
     ["spark, the small embedded model, answers when no model is named.", "The embedded model spark: it comes with flashmoe and answers without a download."], [["spark"]]),
    (["Where does the answer go?", "What is printed on stdout?", "What goes to stderr?", "Is stdout only the answer?", "Where are messages printed?", "Where does the progress go?", "Can I pipe the answer?", "What does stdout hold?", "Which stream has the text?", "On which stream are errors?", "Is the output clean for pipes?", "How are stdout and stderr used?"],
     ["stdout is the answer, stderr is everything else.", "The answer goes to stdout; progress and messages go to stderr."], [["stdout"], ["stderr"]]),
    (["What does Ctrl+C do?", "How do I stop a reply?", "Can I interrupt the model?", "What happens when I press Ctrl+C?", "How do I cancel a run?", "How can I end the generation?", "What does a second Ctrl+C do?", "I want to stop the reply. How?", "Which key stops flashmoe?", "How do I abort?", "Can I stop it in the middle?", "Is my session lost when I press Ctrl+C?"],
     ["Ctrl+C stops the reply in order and keeps what was said; a second Ctrl+C ends the process at once.", "Press Ctrl+C: the reply stops and the session is saved. A second one ends the process."], [["ctrl+c"]]),
    (["Does flashmoe need the internet?", "Is flashmoe private?", "Does it send my data anywhere?", "Can I use flashmoe offline?", "Does flashmoe work without a network?", "Is my text sent to a server?", "Is it safe for private text?", "Where is my data processed?", "Is it offline?", "Does flashmoe phone home?", "Do I need to be online?", "Are my prompts private?"],
     ["flashmoe runs offline and private: everything stays on your machine.", "No. It works offline, and your text stays on this machine."], [["offline", "private", "machine"]]),
    (["What is flashmoe written in?", "Which languages is flashmoe written in?", "Is flashmoe written in Rust?", "What is the core written in?", "In which language is the code?", "What programming languages does it use?", "Is there Zig in flashmoe?", "Which language is used for the kernels?", "What is the command line written in?", "Which languages make flashmoe?", "How is flashmoe built?", "What is under the hood of flashmoe?"],
     ["TypeScript on Bun above, and a core in Zig below.", "It is written in TypeScript, which runs on Bun, with a native core in Zig."], [["zig"], ["typescript"]]),
    (["What is the licence of flashmoe?", "Which license does flashmoe have?", "Is flashmoe open source?", "Under which licence is it?", "Can I use flashmoe at work?", "What licence is it?", "Is it MIT?", "May I change the code?", "How is flashmoe licensed?", "Is flashmoe free software?", "Tell me the licence.", "What are the terms of use?"],
     ["flashmoe has the MIT licence.", "It is open source under the MIT licence."], [["mit"]]),
    (["How do I build the binary?", "How do I make one executable?", "Which command builds flashmoe?", "How can I compile flashmoe?", "How do I get dist/flashmoe?", "What builds the executable?", "I want to build flashmoe. How?", "How is the single file made?", "How do I build flashmoe from source?", "What do I type to build it?", "How is dist/flashmoe made?", "Build instructions?"],
     ["Run `npm run build`: it makes dist/flashmoe.", "With `npm run build`, which writes dist/flashmoe."], [["npm run build"]]),
    (["How do I run the tests?", "Which command runs the tests?", "How can I test flashmoe?", "What runs all tests?", "How do I check that it works?", "Where are the tests started?", "How to start the test suite?", "What do I type for the tests?", "How are the tests run?", "I changed the code. How do I test it?", "Tests?", "How do I run the unit tests?"],
     ["Run `npm test`.", "The tests run with `npm test`."], [["npm test"]]),
    (["Which version is this?", "What version of flashmoe is it?", "How new is flashmoe?", "What is the version?", "Version of flashmoe?", "Which release do I have?", "Is this version 1?", "Tell me the version.", "Which version of flashmoe are you in?", "What is the current version?", "How mature is flashmoe?", "Is it finished?"],
     ["This is version 0.1.", "It is version 0.1: some things are not there yet."], [["0.1"]]),
    (["How do I use standard input?", "Can I pipe text into flashmoe?", "How do I give a file as the prompt?", "Does run read stdin?", "How do I review a git diff?", "Where can the prompt come from?", "Can the prompt come from a pipe?", "How do I send a long text?", "What if I give an argument and stdin?", "Is standard input read?", "How do I use flashmoe in a pipe?", "How are argument and input combined?"],
     ["The prompt comes from the argument, standard input or both: the argument, a blank line, the input.", "Pipe it in: `git diff | flashmoe run \"Review this\"`. Argument and standard input are joined with a blank line."], [["standard input", "argument"]]),
    (["What if the prompt is too long?", "Is a long prompt cut?", "What happens when the prompt exceeds the context?", "Does flashmoe truncate my prompt?", "My prompt does not fit. What happens?", "Is anything cut to fit?", "How does it treat a prompt over the context?", "Will the start of my prompt be dropped?", "What does flashmoe do with too many tokens?", "The prompt has more tokens than the context. Now what?", "Does it shorten prompts?", "Are prompts truncated?"],
     ["Nothing is cut: a prompt over the context is refused. Shorten it or raise --context.", "It is refused before anything is loaded. Shorten the prompt or raise --context."], [["refused"]]),
    (["What is the trained K?", "Which K is the default?", "How many experts are used by default?", "Does flashmoe lower K to be faster?", "Is K reduced silently?", "What K does flashmoe use?", "Is the trained K the default?", "Will flashmoe use fewer experts on its own?", "Which number of experts per token is used?", "Does every speed name K?", "Do you cheat with a smaller K?", "Can K be smaller?"],
     ["The trained K is the default. A smaller K is your choice with --experts-per-token, never silent.", "flashmoe uses the trained K; you can choose a smaller one with --experts-per-token."], [["trained k", "trained"]]),
    (["How do I write a memory size?", "What units does --memory take?", "How do I say 12 gigabytes?", "What values can --memory have?", "Is 8GiB a valid size?", "How are sizes written?", "Can I write 800MB?", "Which form has the value of --memory?", "How do I give bytes to --memory?", "What is a valid memory size?", "Does --memory take 4g?", "Show me sizes that --memory understands."],
     ["Like 12GiB, 800MB, 4g or plain bytes.", "Write 12GiB, 800MB or 4g; a plain number means bytes."], [["gib", "bytes", "12gib"]]),
    (["What happens if --memory is too small?", "The memory limit is too small. What now?", "I get an error that --memory is too small.", "What if the cap cannot hold one step?", "How small can --memory be?", "flashmoe refuses my memory limit. Why?", "What is the least memory?", "Why is my --memory refused?", "My limit is refused. What should I do?", "Is there a lower bound for --memory?", "The cap is refused: what do I do?", "How do I find the smallest --memory?"],
     ["It is refused with the number that would do: raise --memory to that.", "A limit that cannot hold one step is refused, and the error names the size that would do."], [["refused"], ["number", "size"]]),
    (["What is a Mixture-of-Experts model?", "What does MoE mean?", "Explain Mixture-of-Experts.", "How does an MoE model work?", "What are MoE models?", "What is the idea of experts?", "What does Mixture-of-Experts mean?", "MoE?", "Why are they called Mixture-of-Experts?", "What makes a model a mixture of experts?", "Tell me what MoE is.", "In short, what is an MoE?"],
     ["A Mixture-of-Experts model has many small networks, the experts, in each layer; a router picks a few for each token.", "In an MoE model each layer has many experts, and a router picks only a few of them for each token."], [["router"], ["experts"]]),
    (["What is in the session file?", "What does a session file hold?", "What is saved by --session?", "Does the session file hold the text?", "Why is a session fast to continue?", "What does flashmoe save in a session?", "Is the whole conversation read again?", "What is stored in the file of --session?", "Does a session read the old turns again?", "How does a session go on?", "What is inside a session file?", "Which data has a session?"],
     ["It holds the model's state, so a later run reads the new turn only.", "The model's state: a later run needs to read only the new turn."], [["state"]]),
    (["My session file is damaged.", "The session file was not written by flashmoe. What now?", "What if a session file is broken?", "A session is refused as damaged. What do I do?", "session_file_invalid: what should I do?", "How do I fix a damaged session?", "The session is of another model. What now?", "Can I use a session with another model?", "My session is refused. Why?", "flashmoe does not accept my session file.", "Is a session of another model accepted?", "What to do with an invalid session file?"],
     ["A damaged session, or one of another model, is refused. Start a new session file.", "It is refused: start a new session file, or use the model it was made with."], [["new session", "refused"]]),
    (["What does `the prompt is empty` mean?", "I get: the prompt is empty.", "Why does flashmoe say that the prompt is empty?", "The prompt is empty. What should I do?", "Error: the prompt is empty", "flashmoe: the prompt is empty. Help!", "How do I fix an empty prompt?", "What if I give no prompt?", "run says the prompt is empty", "I ran flashmoe run and it says the prompt is empty.", "No prompt: what happens?", "What is wrong when the prompt is empty?"],
     ["You gave no text. Give the prompt as an argument or on standard input.", "Give a prompt: as an argument, or on standard input."], [["argument"]]),
    (["What does `token id is outside the model's vocabulary` mean?", "A token id is outside the vocabulary. What now?", "Error: token id outside the vocabulary", "Why is my token id refused?", "My ids are refused. Why?", "Which token ids are allowed?", "What token ids can I give?", "How large may a token id be?", "The id is too large for the vocabulary. What is wrong?", "token id 9999 is outside the model's vocabulary", "My --token-ids has an id that is too large.", "Are all numbers valid token ids?"],
     ["The id is too large: ids go from 0 to the size of the vocabulary minus one.", "Token ids must be from 0 to the vocabulary's size minus 1. Use smaller ids."], [["0"], ["vocabulary"]]),
    (["My model's files are truncated.", "What if a shard is damaged?", "The checkpoint is damaged. What should I do?", "How do I fix a damaged checkpoint?", "A safetensors file is truncated. What now?", "flashmoe says that my model is damaged.", "What to do about a corrupt model?", "I have a git-LFS pointer instead of a file.", "My model is corrupt. Help.", "Error: the shard is truncated", "How do I repair a model?", "A file of the model is broken."],
     ["Download the file again: a damaged checkpoint is refused with exit code 3.", "Take a fresh copy of the file. Damaged models end with exit code 3."], [["again", "fresh copy"]]),
    (["What does --json print for run?", "What is in the JSON of run?", "Which fields has the JSON object?", "What do I get with flashmoe run --json?", "What does the JSON contain?", "Is the text in the JSON?", "Which keys are in run's JSON?", "What does run --json give me?", "Tell me the fields of run --json.", "What can I read from the JSON object?", "Does --json have statistics?", "Name the keys of the JSON output."],
     ["One object with model, prompt_tokens, tokens, text, finish_reason and stats.", "It has the model, the tokens, the text, the finish_reason and stats."], [["finish_reason"], ["stats"]]),
    (["What finish reasons are there?", "What can finish_reason be?", "Which values has finish_reason?", "What does finish_reason say?", "Why did the reply end, according to JSON?", "What is finish_reason length?", "Explain finish_reason.", "What does finish_reason stop mean?", "Which finish reasons does flashmoe know?", "List the values of finish_reason.", "finish_reason?", "How does JSON tell why the reply ended?"],
     ["finish_reason is stop, length or cancelled.", "It can be stop, length or cancelled."], [["stop"], ["length"], ["cancelled"]]),
    (["How do I start flashmoe from a clone?", "How do I run flashmoe from source?", "What do I type after cloning?", "How can I try flashmoe in the repository?", "What is the first command after a clone?", "How do I start it with npm?", "How to run it without building?", "How do I try it from the sources?", "I cloned the repository. What now?", "Which npm command starts flashmoe?", "How do I launch flashmoe in the checkout?", "First steps in the repository?"],
     ["Run `npm start -- run \"Tell me a story about a fox.\"`.", "With npm: `npm start -- run \"Hello\"`. What follows -- is flashmoe's own."], [["npm start"]]),
    (["What does `npm run build:all` do?", "How do I build for all platforms?", "How do I build for macOS and Linux?", "Which command builds every target?", "Can I build for arm64?", "What builds all executables?", "How do I cross-compile flashmoe?", "For which targets can it be built?", "How to build for other machines?", "Which targets does build:all make?", "I need the macOS binary. How do I build it?", "Build for all targets?"],
     ["`npm run build:all` makes it for Linux on x64 and arm64 and for macOS on arm64.", "Use `npm run build:all`: Linux on x64 and arm64, macOS on arm64."], [["npm run build:all", "linux"]]),
    (["What does eval perplexity do?", "How do I measure perplexity?", "What is perplexity?", "How do I get the perplexity of a text?", "Explain eval perplexity.", "Which command gives perplexity?", "What does `flashmoe eval perplexity` print?", "How is perplexity computed?", "I want the perplexity of a file.", "What is `flashmoe eval perplexity` for?", "How surprised is the model by a text?", "Tell me about eval perplexity."],
     ["`flashmoe eval perplexity --text FILE` gives exp of the mean negative log probability of each token.", "Use `flashmoe eval perplexity`: it is exp of the mean negative log probability per token."], [["perplexity"], ["log probability", "probability"]]),
    (["What does eval kl do?", "How do I compute the KL?", "What is `flashmoe eval kl` for?", "How do I compare two sets of logits?", "Explain eval kl.", "Which command computes KL?", "How do I measure the loss from quantisation?", "What does the KL say?", "How do I compare with reference logits?", "Tell me about eval kl.", "How far is my model from the reference?", "What does `flashmoe eval kl` compute?"],
     ["`flashmoe eval kl` computes the KL of reference logits against the model, and how often both agree on the likeliest token.", "It compares with reference logits: the KL in nats, and how often the likeliest token is the same."], [["kl", "compares"], ["reference"]]),
    (["What does eval logits do?", "How do I save logits?", "What is `flashmoe eval logits` for?", "How do I get the logits of a text?", "Which command writes logits?", "Explain eval logits.", "Where can I get logits as NumPy?", "How do I export logits?", "What file does eval logits write?", "Tell me about eval logits.", "I need all logits in a file.", "What is written by `flashmoe eval logits`?"],
     ["`flashmoe eval logits` writes the logits after every token as a NumPy file.", "It writes the logits of every token to a NumPy file, named with --output."], [["logits"], ["numpy"]]),
    (["What is the task suite?", "How do I run the task suite?", "What does eval suite do?", "How is spark tested?", "What tasks does the suite have?", "Which command runs the suite?", "Explain `flashmoe eval suite`.", "How do I score a model on tasks?", "What is in the built-in suite?", "Tell me about eval suite.", "How can I measure answers to tasks?", "What does the suite measure?"],
     ["`flashmoe eval suite` asks held-out tasks, like arithmetic, memory, JSON and tool calls, and scores the answers.", "It is a set of held-out tasks: arithmetic, memory, JSON, tool calls and more. Run `flashmoe eval suite`."], [["tasks"]]),
    (["Which prefill or decode speed is printed?", "What does every speed carry?", "What is printed beside a speed?", "Why is K printed with the speed?", "What goes with tok/s?", "What does flashmoe print with tokens per second?", "Which facts come with a speed?", "Is a speed printed alone?", "What stands next to the speed?", "What does each printed speed name?", "With which figures is a speed given?", "What else is in the speed line?"],
     ["Every speed carries K, the experts per token, and the bits.", "Each speed names K and the bits of the weights."], [["k"], ["bits"]]),
    (["What does the packed layout give me?", "Why should I pack a model?", "What is good about packing?", "Is packing needed?", "What changes when a model is packed?", "Does packing change the output?", "What is the packed layout?", "Why is a packed model faster?", "What are the benefits of pack?", "How does pack help?", "Do I need to pack before I run?", "Tell me about the packed layout."],
     ["A packed model has one aligned record per expert, so an expert is one read. The output stays the same.", "Packing puts each expert into one aligned record with a hash: one read instead of several, the same output."], [["record"], ["same"]]),
    (["What if pack is killed?", "Can packing be resumed?", "I interrupted pack. Is the work lost?", "Is pack resumable?", "What happens when pack is stopped?", "Does pack start from the beginning after a crash?", "Can I stop packing and go on later?", "pack was killed. What now?", "Is an interrupted pack a problem?", "My computer crashed while packing.", "How do I resume a pack?", "Will a killed pack leave a broken model?"],
     ["Run it again: pack resumes where it stopped, and nothing is left half-written.", "Packing is resumable: start it again with the same arguments."], [["resumes", "resumable", "again"]]),
    (["What does tune change?", "What does tune measure?", "Which settings does tune try?", "Does tune change the output?", "Is tuning safe?", "What is saved by tune?", "What does tune look at?", "When does tune keep a setting?", "How does tune decide?", "Which setting wins in tune?", "What are the settings that tune saves?", "Tell me what tune measures."],
     ["tune tries threads, queue depth, read split and prefetch, and keeps what wins by 3 % with the same output.", "It measures threads, queue depth and prefetch, and saves what is 3 % faster with byte-identical output."], [["threads"], ["3 %", "prefetch"]]),
    (["What does doctor report?", "What is in the report of doctor?", "What does the doctor check?", "Which things does doctor measure?", "What can doctor tell me?", "What does doctor print?", "Which parts of the machine does doctor look at?", "What will doctor show?", "What do I learn from doctor?", "Which figures come from doctor?", "What is checked by doctor?", "List what doctor reports."],
     ["The CPU level, the memory, the disk read rate at expert size, the library hash and a kernel self-test.", "doctor reports CPU level, memory, disk read rate and the result of the kernel self-test."], [["cpu"], ["disk"]]),
    (["What does plan print?", "What is in the memory plan?", "What will plan tell me?", "What do I learn from plan?", "Which figures does plan give?", "What does plan show?", "What can I see with plan?", "What does the plan of a model say?", "List what plan prints.", "Which numbers come from plan?", "What is shown by plan?", "Why should I use plan?"],
     ["What is resident, the cache slots, the bytes per token, the expected tok/s and the bottleneck.", "plan prints what is resident, the cache slots, bytes per token and the expected speed."], [["resident"], ["slots", "cache"]]),
    (["Can plan simulate another machine?", "How do I plan for a machine with less memory?", "How do I see the plan for 16 GiB?", "Which flags simulate another machine in plan?", "Will it fit on my laptop with 48 GB?", "Can I plan for a machine that I do not have?", "How do I ask plan about another memory size?", "How would it run with 8 GiB?", "What would another machine need?", "Plan for less memory: how?", "How do I test a smaller machine in plan?", "Does plan know other machines?"],
     ["Yes: `flashmoe plan --memory SIZE` and --context simulate another machine.", "Give plan the flags --memory and --context: they simulate another machine."], [["--memory", "memory"], ["simulate"]]),
    (["Can bench write a plot?", "How do I get an SVG plot?", "How do I get the benchmark as CSV?", "Which formats can bench write?", "What output does bench have?", "How do I plot the speed?", "Can I draw the hit rate?", "Does bench write files?", "How can I use the figures of bench elsewhere?", "Is there a plot of tok/s against memory?", "In which forms does bench give results?", "How do I export a benchmark?"],
     ["bench writes --json, --csv and, with --plot FILE.svg, a plot.", "Use --plot FILE.svg for a plot, --csv or --json for the figures."], [["--plot", "plot"], ["csv", "--csv"]]),
    (["Why is prefetching useful?", "What is prefetching?", "Does flashmoe guess the next experts?", "What does the predictor do?", "How does flashmoe hide the disk?", "What does prefetch mean in flashmoe?", "What happens while the disk reads?", "Can experts be read before they are needed?", "How does flashmoe read ahead?", "Does prefetching change the text?", "What is the predictor for?", "Tell me about prefetching."],
     ["Prefetching guesses the next experts and reads them early, so that the disk is never idle. It does not change the output.", "The predictor guesses which experts come next and loads them early; the output stays the same."], [["next"], ["early"]]),
    (["What does verify find?", "What does verify print for a damaged record?", "How does verify name damage?", "Which damage can verify find?", "Can verify find one wrong bit?", "What happens when verify finds an error?", "How exact is verify?", "Does verify tell which expert is damaged?", "What is checked by verify?", "What does verify tell me?", "Will verify notice a flipped bit?", "How is damage reported by verify?"],
     ["It finds even one flipped bit, and names the layer and the expert.", "verify names the layer and the expert of every damaged record, down to one flipped bit."], [["layer"], ["expert"]]),
    (["Is flashmoe fast?", "How does flashmoe compare with llama.cpp?", "Why not use llama.cpp?", "What is wrong with mmap?", "Why do other engines get slow?", "What happens to llama.cpp with little memory?", "Is flashmoe better than llama.cpp?", "Why is streaming better than mmap?", "What is the cliff?", "How do others run large models?", "Why do page faults matter?", "What problem does flashmoe solve?"],
     ["Engines that map the file get slow from page faults when the model is larger than memory; flashmoe reads whole experts itself.", "With too little memory others thrash on page faults. flashmoe reads experts itself, in whole records."], [["page faults"]]),
    (["Can I use flashmoe from TypeScript?", "Is there an API for developers?", "How do I embed flashmoe?", "Is there a library?", "Can my program use flashmoe?", "How do I import flashmoe?", "Which API does flashmoe have for Bun?", "How do I call flashmoe from code?", "Is there a TypeScript API?", "What do developers import?", "How do I stream tokens in my application?", "Can I embed it in an app?"],
     ["Yes: in TypeScript on Bun, import { FlashMoE } from \"flashmoe\".", "Use TypeScript on Bun: import { FlashMoE } from \"flashmoe\" and stream tokens."], [["typescript", "import"]]),
    (["Which directory is the model store?", "Where is the model store?", "Where are models stored?", "What is the default place of the store?", "Where does flashmoe look for a model name?", "Where do I put models?", "In which folder are stored models?", "What is the path of the model store?", "Where does a store name point to?", "Which folder holds my models?", "Where should I save a model?", "Path of the store?"],
     ["$FLASHMOE_HOME/models, or else ~/.flashmoe/models.", "The model store is ~/.flashmoe/models, or $FLASHMOE_HOME/models."], [["models"]]),
    (["What can MODEL be?", "How do I name a model?", "What do I write for MODEL?", "Which forms can a model name have?", "Can MODEL be a directory?", "What does MODEL stand for?", "How can a model be given?", "What are valid models on the command line?", "What may stand after -m?", "Is a path a valid model?", "In which ways can I name a model?", "What do I put for MODEL?"],
     ["A directory with a checkpoint, a name in the model store, or spark.", "MODEL is a directory, a name in the model store, or spark, the embedded model."], [["directory"]]),
    (["How long is the context?", "What is the default context?", "What is the largest context?", "How many tokens fit by default?", "How many tokens can a session hold?", "What is the default of --context?", "How much context do I get?", "Is the context limited?", "What is the context size?", "What does --context default to?", "Default context length?", "How large is the context at first?"],
     ["The default is the model's own context, at most 8192 tokens.", "By default the model's, at most 8192; --context changes it."], [["8192"]]),
    (["How do I see progress?", "Does flashmoe show progress?", "Is there a progress bar?", "What happens during long work?", "When is progress printed?", "How do I know that it is working?", "Does it print a progress line?", "What do I see while it loads?", "Is progress shown in a pipe?", "Where is progress shown?", "How often is progress printed?", "Will there be a bar?"],
     ["Work longer than a second shows progress on stderr: a bar on a terminal, else a line every five seconds.", "There is a bar on stderr for work longer than a second; without a terminal, a line every five seconds."], [["stderr", "bar"]]),
    (["What is direct IO for?", "Why does flashmoe use direct reads?", "Does flashmoe use the page cache?", "How are experts read?", "What does direct reading mean?", "Why not the page cache?", "Does reading fill the page cache?", "How does flashmoe read from the disk?", "Are reads direct?", "In which way are experts read from disk?", "Is O_DIRECT used?", "What kind of reads does flashmoe do?"],
     ["Experts are read with direct reads that bypass the page cache; --no-direct-io turns that off.", "Direct reads go past the page cache, so the memory cap holds. --no-direct-io uses the page cache."], [["page cache"]]),
    (["What cache policy does flashmoe use?", "Which expert leaves the cache?", "How are slots reused?", "What happens when the cache is full?", "Which expert is dropped first?", "How does the cache work?", "Who is evicted?", "What is thrown out of the cache?", "How does flashmoe choose what to evict?", "What does the cache hold?", "The cache is full: what happens?", "How are experts cached?"],
     ["The cache holds experts in slots; when it is full, the one least recently used gives its slot up.", "Each slot holds one expert. A full cache drops an expert that was not used for long."], [["slot", "slots", "cache"]]),
    (["Are wrong flags ignored?", "What happens with an unknown flag?", "Does flashmoe ignore fields it does not know?", "Are errors hidden?", "What does flashmoe do with an unsupported model?", "Is something ignored silently?", "What happens to unsupported fields?", "Does it skip what it does not understand?", "How are unknown things treated?", "Is an unknown flag a problem?", "Does flashmoe guess?", "What if I mistype a flag?"],
     ["Nothing is ignored: what is unknown or unsupported is refused by name.", "It is refused by name. flashmoe ignores nothing silently."], [["refused"]]),
]

COMMAND_ASK = ["What does {c} do?", "What is {c} for?", "What is {c}?", "Explain {c}.", "Tell me about {c}.", "What can I do with {c}?", "Describe {c}.", "When do I need {c}?", "What happens when I call {c}?", "Why would I use {c}?", "What is the purpose of {c}?", "Can you explain {c} to me?",
               "What do I get from {c}?", "{c}: what is that?", "How does {c} help me?", "What does the command {n} do?", "I saw {c}. What does it do?", "What is the use of {c}?", "Help me with {c}.", "What is {c} good for?", "In a few words, what does {c} do?", "What is the command {n} for?", "Please describe {c}.", "{c}?"]
COMMAND_NAME = ["flashmoe {n}", "`flashmoe {n}`", "the {n} command", "the command {n}", "the command `{n}`", "flashmoe's {n}"]
USE_ASK = ["How do I {p}?", "Which command do I use to {p}?", "How can I {p}?", "What do I type to {p}?", "I want to {p}. Which command is it?", "With which command can I {p}?", "Is there a command to {p}?", "What command lets me {p}?", "I would like to {p}. How?", "Which flashmoe command helps me to {p}?",
           "How is it possible to {p}?", "Can flashmoe help me to {p}?", "I need to {p}.", "Tell me how to {p}.", "What is the command to {p}?", "Show me how to {p}.", "To {p}, what do I call?", "Which subcommand is there to {p}?", "How would you {p}?", "Name the command to {p}.", "How to {p}?", "Please tell me how I can {p}.",
           "What should I run to {p}?", "My plan is to {p}. What do I run?"]
FLAG_ASK = ["What does {f} do?", "What is {f} for?", "What is the flag {f}?", "Explain {f}.", "What does the flag {f} mean?", "What is {f}?", "Tell me about {f}.", "When do I use {f}?", "What happens with {f}?", "What is the use of {f}?", "What does the option {f} do?", "Why is there a flag {f}?",
            "Describe {f}.", "{f}: what does it do?", "What effect has {f}?", "Can you explain the flag {f}?", "What will {f} change?", "I saw {f} in the help. What is it?", "What do I get with {f}?", "Please explain {f}.", "What is the meaning of {f}?", "How does {f} work?", "What is the flag {f} good for?", "{f}?"]
FLAG_USE = ["How do I {p}?", "Which flag do I use to {p}?", "How can I {p}?", "What flag lets me {p}?", "I want to {p}. Which flag is it?", "Is there a flag to {p}?", "With which flag can I {p}?", "What option do I need to {p}?", "I would like to {p}. How?", "Tell me the flag to {p}.", "How is it possible to {p}?", "Which option helps to {p}?",
            "What do I add to {p}?", "I need to {p}. What is the flag?", "Can I {p}?", "Name the flag to {p}.", "How to {p}?", "What is the flag to {p}?", "Show me how to {p}.", "To {p}, which flag do I give?", "What must I write to {p}?", "Which flag is there to {p}?", "Does flashmoe have a flag to {p}?", "Please tell me how to {p}."]
EXIT_ASK = ["What does exit code {x} mean?", "flashmoe ended with exit code {x}. Why?", "What is exit code {x}?", "Exit code {x}?", "My script got exit code {x}. What happened?", "Why does flashmoe return {x}?", "Explain exit code {x}.", "The exit status is {x}. What does that tell me?", "What happened when the exit code is {x}?",
            "I got {x} as the exit code. What is wrong?", "What is the meaning of exit code {x}?", "When does flashmoe exit with {x}?"]
EXIT_USE = ["Which exit code do I get when {p}?", "What is the exit code if {p}?", "What does flashmoe return when {p}?", "With which code does it end when {p}?", "Which code tells me that {p}?", "What exit status means that {p}?", "If {p}, what is the exit code?", "How does my script see that {p}?", "Exit code when {p}?", "When {p}, which exit code is it?",
            "What code comes back when {p}?", "Tell me the exit code for this: {p}."]
ENV_ASK = ["What is {e}?", "What does {e} do?", "What is the variable {e} for?", "Explain {e}.", "What happens when I set {e}?", "What is the environment variable {e}?", "When do I set {e}?", "Tell me about {e}.", "Why is there a variable {e}?", "What can I do with {e}?", "What does the environment variable {e} mean?", "{e}?"]
ENV_USE = ["Which variable do I set to {p}?", "How do I {p} with an environment variable?", "Is there an environment variable to {p}?", "Which environment variable lets me {p}?", "What variable do I need to {p}?", "I want to {p}. Which variable is it?", "Name the variable to {p}.", "What do I export to {p}?", "By which variable can I {p}?", "Tell me the variable to {p}.", "To {p}, what do I set?", "What is the variable to {p}?"]
WORD_ASK = ["What is {w}?", "What does {w} mean?", "Explain {w}.", "What does flashmoe mean by {w}?", "Define {w}.", "Tell me what {w} is.", "What do you call {w}?", "In flashmoe, what is {w}?", "What is meant by {w}?", "I do not know the word {w}. What is it?", "What is the meaning of {w}?", "Can you explain {w}?", "What is {w} in flashmoe?", "{w}: what is that?",
            "Help me understand {w}.", "The docs speak of {w}. What is that?", "How do you define {w}?", "What are we talking about when we say {w}?"]
WORD_USE = ["What is the word for {p}?", "What do you call {p}?", "How does flashmoe call {p}?", "Which word means {p}?", "What is the name for {p}?", "Which term stands for {p}?", "In flashmoe, what is the word for {p}?", "What is the term for {p}?", "Is there a word for {p}?", "Give me the word for {p}.", "How is this called: {p}?", "What word do the docs use for {p}?"]
LATER_ASK = ["Is there {c}?", "Can I use {c}?", "Does {c} exist?", "Does {c} work?", "How do I use {c}?", "What about {c}?", "Why does {c} not work?", "When does {c} come?", "Is {c} in this version?", "What does {c} do?", "Tell me about {c}.", "Do you have {c}?"]
LATER_USE = USE_ASK
GROUP_LATER = [["not in this version", "not yet", "no"]]

PRE = ["", "", "", "", "", "", "", "", "Hi! ", "Hello, ", "Quick question: ", "I am new to flashmoe. ", "One question: ", "Please tell me: ", "About flashmoe: ", "In flashmoe: ", "Excuse me, ", "Another question: "]
POST = ["", "", "", "", "", "", "", "", " Thanks!", " Please be brief.", " I am new here.", " I can not find it in the docs.", " Thank you."]


def built():
    """Every fact as (key, [(wordings with a slot, fillers)], answers, groups)."""
    out = []
    for name, (does, uses, groups) in COMMANDS.items():
        out.append((f"command {name}", COMMAND_ASK, ("c", name), [f"`flashmoe {name}` {does}.", f"It {does}."], groups))
        out.append((f"use {name}", USE_ASK, uses, [f"Use `flashmoe {name}`.", f"With `flashmoe {name}`: it {does}."], [[f"flashmoe {name}"]]))
    for name, (what, uses) in LATER.items():
        answers = [f"`flashmoe {name}`, {what}, is not in this version yet.{INSTEAD[name]}", f"Not yet: {what} is planned, but `flashmoe {name}` is not in this version yet."]
        out.append((f"later {name}", LATER_ASK, ("c", name), answers, [["not in this version"]]))
        out.append((f"later use {name}", LATER_USE, uses, answers, [["not in this version"]]))
    for flag, (does, uses, groups) in FLAGS.items():
        out.append((f"flag {flag}", FLAG_ASK, ("f", flag), [f"{flag} {does}.", f"It {does}."], groups))
        out.append((f"flag use {flag}", FLAG_USE, uses, [f"Use {flag}: it {does}.", f"With the flag {flag}."], [[flag]]))
    for code, (means, uses, groups) in EXITS.items():
        out.append((f"exit {code}", EXIT_ASK, ("x", code), [f"Exit code {code} means: {means}.", f"It means: {means}."], groups))
        out.append((f"exit use {code}", EXIT_USE, uses, [f"The exit code is {code}.", f"Exit code {code}: {means}."], [[code]]))
    for name, (does, uses, groups) in ENVIRONMENT.items():
        out.append((f"variable {name}", ENV_ASK, ("e", name), [f"{name} {does}.", f"The variable {name} {does}."], groups))
        out.append((f"variable use {name}", ENV_USE, uses, [f"Set {name}.", f"With {name}: it {does}."], [[name]]))
    for word, (text, uses, groups) in WORDS.items():
        plain = word if word in ("K", "prefill", "decode", "quantisation", "resident") else ("an " if word[0] in "aeiou" else "a ") + word
        names = [plain, plain, f"the word {word}", f'"{word}"']
        out.append((f"word {word}", WORD_ASK, ("w", names), [text], groups))
        out.append((f"word use {word}", WORD_USE, uses, [f"The word is {word}.", f"{word}. {text}" if word == "K" else f"It is called {word}. {text}"], [[word]]))
    for i, (asks, answers, groups) in enumerate(TRAITS):
        out.append((f"trait {i}", asks, None, answers, groups))
    return out


FACTS = built()
# Traits carry what people most often want to know, so they come more often than their number says.
WEIGHTS = [1.0 if key.startswith(("flag", "variable", "word")) else 1.5 if key.startswith(("command", "use", "later", "exit")) else 1.8 for key, *_ in FACTS]


# ---- training's own wordings -------------------------------------------------------------------------

WIDE = 0.85
HOW = Grammar(*grown.HOW, avoid=others(USE_ASK, FLAG_USE, ENV_USE))
FRAMES = {"use": [HOW, Grammar(*grown.WITH_COMMAND, avoid=others(USE_ASK))], "later": [HOW, Grammar(*grown.WITH_COMMAND, avoid=others(USE_ASK))], "flag": [HOW, Grammar(*grown.WITH_FLAG, avoid=others(FLAG_USE))],
          "exit": [Grammar(*grown.EXIT_USE, avoid=others(EXIT_USE))], "variable": [Grammar(*grown.ENV_USE, avoid=others(ENV_USE))], "word": [Grammar(*grown.WORD_USE, avoid=others(WORD_USE))]}


def about(*lists):
    """The kept-out questions with their slot as {x}."""
    return {re.sub(r"\{\w\}", "{x}", ask) for ask in others(*lists)}


MEANS = {"command": Grammar(*grown.MEANS, avoid=about(COMMAND_ASK)), "flag": Grammar(*grown.MEANS, avoid=about(FLAG_ASK)), "variable": Grammar(*grown.MEANS, avoid=about(ENV_ASK)), "word": Grammar(*grown.MEANS, avoid=about(WORD_ASK)),
         "exit": Grammar(*grown.EXIT, avoid=about(EXIT_ASK)), "later": Grammar(*grown.LATER, avoid=about(LATER_ASK))}
PURPOSE, TRAIT = {}, {}
for _key, _asks, _slots, _, _ in FACTS:
    if isinstance(_slots, list):
        _name = _key.removeprefix("flag use ")
        PURPOSE[_key] = Grammar(*grown.PURPOSES[_name], avoid=[_slots[4]])
    elif _slots is None:
        TRAIT[_key] = Grammar(*grown.TRAITS[_asks[0]], avoid=others(_asks))
NAMED = ["flashmoe {n}", "`flashmoe {n}`", "the {n} command", "the command {n}", "the command `{n}`", "flashmoe's {n}", "the subcommand {n}", "{n} in flashmoe", "`{n}`", "flashmoe's {n} command"]
FLAGGED = ["{n}", "{n}", "{n}", "`{n}`", "the flag {n}", "the option {n}", "the {n} flag", "the switch {n}", "the {n} option"]
VARIABLES = ["{n}", "{n}", "the variable {n}", "`{n}`", "${n}", "the environment variable {n}", "setting {n}"]


def kept_questions():
    """Every question about a fact that the other parts can ask."""
    out = set()
    for _, asks, slots, _, _ in FACTS:
        for ask in others(asks):
            if slots is None:
                out.add(ask)
            elif isinstance(slots, list):
                out |= {ask.replace("{p}", purpose) for purpose in slots}
            elif slots[0] == "c":
                out |= {ask.replace("{n}", slots[1]).replace("{c}", named.replace("{n}", slots[1])) for named in COMMAND_NAME}
            else:
                out |= {ask.replace("{%s}" % slots[0], name) for name in (slots[1] if isinstance(slots[1], list) else [slots[1]])}
    return {normal(ask) for ask in out}


KEPT = kept_questions()


def wide_worded(rng, fact):
    """A question of training's own about the fact."""
    while True:
        text = grown_question(rng, fact)
        if normal(text) not in KEPT:
            return text


def grown_question(rng, fact):
    key, asks, slots, _, _ = fact
    kind = key.split()[0]
    if slots is None:
        text = TRAIT[key].pick(rng)
    elif isinstance(slots, list):
        purpose = PURPOSE[key].pick(rng) if rng.random() < 0.8 else rng.choice([p for i, p in enumerate(slots) if i != 4])
        text = rng.choice(FRAMES[kind]).pick(rng).replace("{p}", purpose)
    else:
        slot, filler = slots
        if slot == "x":
            name = filler
        elif slot == "w":
            name = rng.choice([*filler, f"the term {filler[-1]}", f"the expression {filler[-1]}"])
        else:
            name = rng.choice(NAMED if slot == "c" else FLAGGED if slot == "f" else VARIABLES).replace("{n}", filler)
        text = MEANS[kind].pick(rng).replace("{x}", name)
    text = text.strip()
    return text[0].upper() + text[1:] if text[0] not in "`-$" and not text.startswith("flashmoe") and rng.random() < 0.93 else text


def worded(rng, part, fact):
    """One question about the fact, in a wording of the part."""
    key, asks, slots, _, _ = fact
    if part == "train" and rng.random() < WIDE:
        return wide_worded(rng, fact)
    text = parts.of(rng, asks, part)
    if slots is None:
        return text
    if isinstance(slots, list):
        # One purpose in six is itself only for one part.
        choice = rng.choice(slots) if part != "train" else rng.choice([p for i, p in enumerate(slots) if i != 4])
        return text.replace("{p}", choice)
    slot, filler = slots
    if slot == "c":
        named = rng.choice(COMMAND_NAME).replace("{n}", filler)
        text = text.replace("{n}", filler if rng.random() < 0.7 else f"`{filler}`").replace("{c}", named)
        return text[0].upper() + text[1:] if not text.startswith(("`", "flashmoe")) else text
    if slot == "f":
        return text.replace("{f}", filler if rng.random() < 0.75 else f"`{filler}`")
    if slot == "w":
        return re.sub(r"^\w", lambda m: m.group().upper(), text.replace("{w}", rng.choice(filler)))
    return text.replace("{%s}" % slot, filler)


FIRST_WORDS = set("how what which is can does when why where do did are with tell explain in the please name show give to describe help define will has was who on any should could must may i my from say state let by need want trying".split()) - {"i"}


def wide_dressed(rng, text):
    """With something of training's own around it, or typed carelessly."""
    draw, known = rng.random(), text.split()[0].lower().rstrip(":,") in FIRST_WORDS
    if draw < 0.3:
        before = grown.BEFORE.pick(rng)
        text = before + (text[0].lower() + text[1:] if known and before.rstrip()[-1] in ",:-;" else text)
    elif draw < 0.42 and known:
        text = text[0].lower() + text[1:]
    draw = rng.random()
    if draw < 0.2:
        text += ("" if text[-1] in ".?!" else ".") + grown.BEHIND.pick(rng)
    elif draw < 0.34:
        text = text.rstrip("?.")
    elif draw < 0.38:
        text = text.lower() if "--" not in text and "FLASH" not in text and "MODEL" not in text and " K" not in text else text
    return text


def dressed(rng, part, text):
    """With a word before or after, sometimes without capitals or the final mark."""
    if part == "train" and rng.random() < 0.5:
        return wide_dressed(rng, text)
    while True:
        pre, post = rng.choice(PRE), rng.choice(POST)
        if not (pre or post) or parts.hashed(pre + "|" + post) == part:
            break
    if pre.endswith((", ", ": ")) and text.split()[0] in ("How", "What", "Which", "Is", "Can", "Does", "When", "Why", "Where", "Do", "Did", "Are", "With", "Tell", "Explain", "In", "The", "Please", "Name", "Show", "Give", "To", "Describe", "Help", "Define", "Why", "Will", "Has", "Was", "Who", "On", "Any", "Should", "Could"):
        text = text[0].lower() + text[1:]
    draw = rng.random()
    if not post and draw < 0.08:
        text = text.rstrip("?.")
    if not pre and not post and draw < 0.05 and text.split()[0].isalpha():
        text = text[0].lower() + text[1:]
    return pre + text + post


def turn(rng, part):
    fact = rng.choices(FACTS, WEIGHTS)[0]
    return dressed(rng, part, worded(rng, part, fact)), rng.choice(fact[3])


def make(rng, part):
    messages = []
    for _ in range(rng.choice((1, 1, 2, 3, 4, 6))):
        text, reply = turn(rng, part)
        messages += [("user", text), ("assistant", reply)]
    return messages


def case(rng, part):
    fact = rng.choices(FACTS, WEIGHTS)[0]
    text = dressed(rng, part, worded(rng, part, fact))
    return {"task": "flashmoe", "messages": [{"role": "user", "content": text}], "think": False, "max_tokens": 80, "check": {"kind": "any", "groups": fact[4]},
            "reference": rng.choice(fact[3])}
