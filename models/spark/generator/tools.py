"""Tool calls in the family's dialect: which tool, with which arguments, and what to make of the result.

    <tool_call>
    <function=NAME>
    <parameter=ARG>
    VALUE
    </parameter>
    </function>
    </tool_call>

Half of the tools are everyday ones under changing names; the others are put
together from new words, so that the definition must be read.
"""

import json

from . import about, facts, parts, tools_grammar, values, words
from .grammar import Grammar, others


class Param:
    """names: what it may be called; asked {i} in the wordings.  `options` makes an enum; `required` False: only given when asked for."""

    def __init__(self, names, kind, make, about, options=None, required=True):
        self.names, self.kind, self.make, self.about, self.options, self.required = names.split(), kind, make, about, options, required


class Tool:
    """asks: at least six wordings with {0}, {1} ... for the parameters; result(rng, part, args) -> what comes back; says: answers with {0} and the result's {keys}."""

    def __init__(self, names, about, params, asks, result, says, extra=()):
        self.names, self.about, self.params, self.asks, self.result, self.says, self.extra = names.split(), about, params, asks, result, says, extra


SKIES = "sunny cloudy rainy windy snowy foggy clear stormy".split()
UNITS = ["celsius", "fahrenheit"]
NOTES = """buy milk,call the dentist,water the plants,feed the cat,pay the rent,read the report,clean the kitchen,send the letter,fix the door,book a table,pick up the parcel,bring the umbrella,charge the phone,
write to the bank,order new shoes,check the oven,bake a cake,pack the bag,return the book,wash the car""".replace("\n", "").split(",")


def note(rng, part):
    return rng.choice(NOTES) if rng.random() < 0.4 else f"{rng.choice(['buy', 'call', 'find', 'bring', 'ask', 'meet', 'clean', 'fix', 'sell', 'paint'])} {rng.choice(['the ', '', ''])}{values.word(rng, part)}"


def sentence(rng, part):
    name, thing = values.first_name(rng, part), values.word(rng, part)
    return rng.choice([f"I will be late, {name}.", f"The {thing} is ready.", f"Please bring the {thing}.", f"We meet at {values.clock(rng, part)}.", f"{name} says hello.", f"Do not forget the {thing}.", f"Your {thing} has arrived.", f"See you in {values.city(rng, part)}."])


def path(rng, part):
    return rng.choice(["", "docs/", "src/", "notes/", "data/"]) + values.word(rng, part) + rng.choice([".txt", ".md", ".py", ".json", ".csv", ".log", ".toml"])


TOOLS = [
    Tool("get_weather weather current_weather weather_lookup check_weather", ["Get the current weather of a city.", "Tells the weather in a place.", "Current weather for a location."],
         [Param("city location place town", "string", values.city, "name of the city"), Param("unit units scale", "string", values.of(UNITS), "unit of the temperature", UNITS, False)],
         ["What is the weather in {0}?", "How is the weather in {0}?", "Is it cold in {0}?", "Weather in {0}", "Do I need a coat in {0}?", "What is it like outside in {0}?", "Tell me the weather in {0}.", "Is the sun out in {0}?", "Check the weather for {0}.", "How warm is it in {0}?", "Look up the weather in {0}.", "I am going to {0}. How is the weather there?"],
         lambda rng, part, a: {"temperature": rng.randint(-15, 38), "sky": rng.choice(SKIES)}, ["It is {temperature} degrees and {sky} in {0}.", "The weather in {0} is {sky}, with {temperature} degrees.", "In {0} it is {sky} at {temperature} degrees."], (" in {1}", ", in {1}", " Use {1}.")),
    Tool("get_time current_time clock time_in local_time", ["Get the local time of a city.", "Tells what time it is somewhere."], [Param("city place location timezone", "string", values.city, "the city")],
         ["What time is it in {0}?", "Tell me the time in {0}.", "How late is it in {0}?", "What is the local time in {0}?", "Time in {0}?", "I want to call somebody in {0}. What time is it there?", "Which time do they have in {0}?", "Do you know the time in {0}?", "What does the clock say in {0}?"],
         lambda rng, part, a: {"time": f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}"}, ["It is {time} in {0}.", "The time in {0} is {time}.", "In {0} it is {time} now."]),
    Tool("calculate calculator compute evaluate do_math", ["Evaluate an arithmetic expression.", "Calculates with numbers.", "A calculator."], [Param("expression formula input", "string", lambda rng, part: f"{rng.randint(100, 9999)} {rng.choice('+-*/')} {rng.randint(11, 999)}", "the expression")],
         ["What is {0}?", "Calculate {0}.", "How much is {0}?", "Compute {0} for me.", "Work out {0}.", "Please solve {0}.", "I need the result of {0}.", "Use the calculator for {0}.", "Tell me what {0} is."],
         lambda rng, part, a: {"result": rng.randint(10, 99999)}, ["The result is {result}.", "{0} = {result}.", "That makes {result}."]),
    Tool("send_email send_mail email mail_message write_email", ["Send an email.", "Sends a message by mail."], [Param("to recipient address", "string", values.email, "address of the recipient"), Param("subject title topic", "string", values.topic, "the subject"), Param("body text message content", "string", sentence, "text of the mail")],
         ["Send an email to {0} with the subject \"{1}\" and the text \"{2}\"", "Write to {0}, subject \"{1}\": \"{2}\"", "Mail {0}. Subject: {1}. Text: {2}", "Email {0} about \"{1}\" and say \"{2}\"", "Please send \"{2}\" to {0}, subject \"{1}\".", "I want to mail {0}. The subject is \"{1}\", the text \"{2}\"", "Send a mail with subject \"{1}\" and body \"{2}\" to {0}.", "Let {0} know: \"{2}\" Use the subject \"{1}\".", "A mail for {0}: subject \"{1}\", body \"{2}\""],
         lambda rng, part, a: {"status": "sent", "id": values.code(rng, part)}, ["I sent the email to {0}.", "The email to {0} is on its way.", "Done. The email was sent to {0}."]),
    Tool("send_message text_message message send_text sms", ["Send a short message to a person.", "Sends a text to somebody."], [Param("to name person recipient", "string", values.first_name, "who gets it"), Param("text message content", "string", sentence, "what to say")],
         ["Text {0}: {1}", "Send {0} the message \"{1}\"", "Tell {0}: \"{1}\"", "Write \"{1}\" to {0}", "Send a message to {0} that says \"{1}\"", "Message {0}: {1}", "Let {0} know: {1}", "Please tell {0} this: {1}", "Send \"{1}\" to {0}"],
         lambda rng, part, a: {"status": "delivered"}, ["I told {0}.", "The message to {0} was delivered.", "Done, {0} has your message."]),
    Tool("set_alarm alarm wake_up create_alarm", ["Set an alarm for a time.", "Wakes the user."], [Param("time at when", "string", values.clock, "time of the alarm")],
         ["Wake me at {0}.", "Set an alarm for {0}.", "I must get up at {0}.", "Alarm at {0}, please.", "Can you set an alarm for {0}?", "Ring at {0}.", "Make an alarm at {0}.", "Get me out of bed at {0}.", "I need an alarm: {0}."],
         lambda rng, part, a: {"alarm": "on"}, ["The alarm is set for {0}.", "I will wake you at {0}.", "Done, the alarm rings at {0}."]),
    Tool("set_timer timer start_timer countdown", ["Start a timer.", "Counts down some minutes."], [Param("minutes duration length", "integer", values.whole(1, 180), "minutes"), Param("label name", "string", values.word, "what it is for", None, False)],
         ["Set a timer for {0} minutes.", "Timer: {0} minutes.", "Remind me when {0} minutes are over.", "Count down {0} minutes.", "Start a timer of {0} minutes.", "I need a timer for {0} minutes.", "Give me {0} minutes on the timer.", "Please time {0} minutes.", "Put {0} minutes on the clock."],
         lambda rng, part, a: {"ends": f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}"}, ["The timer runs for {0} minutes, until {ends}.", "Your timer ends at {ends}.", "{0} minutes: it ends at {ends}."], (" Call it {1}.", " Its label is {1}.", " Name it {1}.")),
    Tool("add_note create_note note save_note", ["Save a note.", "Writes something down."], [Param("text content note", "string", note, "the note")],
         ["Note: {0}", "Write down: {0}", "Save this note: {0}", "Make a note that says \"{0}\"", "Keep a note: {0}", "Add a note: {0}", "Please write \"{0}\" into my notes.", "I want to note this: {0}", "New note: {0}"],
         lambda rng, part, a: {"id": rng.randint(1, 999)}, ["I saved the note as number {id}.", "Your note has the number {id}.", "Noted, with number {id}."]),
    Tool("add_todo create_task add_task todo new_task", ["Add a task to the list.", "Puts something on the to-do list."], [Param("title task item", "string", note, "what to do"), Param("priority level", "string", values.of(["low", "normal", "high"]), "how important", ["low", "normal", "high"], False)],
         ["Add \"{0}\" to my list.", "Put \"{0}\" on my to-do list.", "New task: {0}", "I have to {0}. Put it on the list.", "Task: {0}", "Remind me on my list to {0}", "Add the task \"{0}\"", "My list needs \"{0}\"", "Please add {0} to my tasks"],
         lambda rng, part, a: {"tasks": rng.randint(1, 40)}, ["It is on the list. You have {tasks} tasks now.", "Added. The list has {tasks} tasks.", "Done: {tasks} tasks are on your list."], (" with {1} priority", ", priority {1}", ", it has {1} priority")),
    Tool("search_web web_search search find_online", ["Search the web.", "Looks something up on the internet."], [Param("query q search_term", "string", lambda rng, part: rng.choice([values.goods, values.topic, values.title, values.company])(rng, part), "what to look for"), Param("limit count max_results", "integer", values.whole(1, 20), "most results", None, False)],
         ["Search the web for {0}.", "Look up {0} online.", "Find {0} on the internet.", "Google {0}", "Do a web search for {0}.", "What does the web say about {0}?", "Search online for {0}.", "I want to read about {0}. Search the web.", "Search for {0}."],
         lambda rng, part, a: {"title": values.title(rng, part), "url": f"https://{words.glued(rng, part)}.example"}, ["I found \"{title}\" at {url}.", "The first result is \"{title}\": {url}", "Look at {url}: \"{title}\"."], (" Give me {1} results.", " At most {1} results.", " I want {1} results.")),
    Tool("translate translate_text translator", ["Translate a text into another language."], [Param("text input sentence", "string", sentence, "the text"), Param("language target to", "string", values.of("French German Spanish Italian Polish Turkish Greek Dutch".split()), "the language")],
         ["Translate \"{0}\" into {1}.", "How do you say \"{0}\" in {1}?", "What is \"{0}\" in {1}?", "Put \"{0}\" into {1}.", "I need \"{0}\" in {1}.", "Say \"{0}\" in {1}.", "Give me the {1} for \"{0}\"", "Into {1}, please: \"{0}\"", "Turn \"{0}\" into {1}."],
         lambda rng, part, a: {"translation": " ".join(words.glued(rng, part) for _ in range(3))}, ["In {1} it is: {translation}", "\"{translation}\" is the {1} for it.", "It means \"{translation}\" in {1}."]),
    Tool("convert_currency exchange currency convert_money", ["Convert money from one currency to another."], [Param("amount value sum", "number", values.price, "how much"), Param("from source from_currency", "string", values.of("EUR USD GBP JPY CHF".split()), "from which currency"), Param("to target to_currency", "string", values.of("SEK NOK PLN INR BRL CAD".split()), "to which currency")],
         ["How much is {0} {1} in {2}?", "Convert {0} {1} to {2}.", "Change {0} {1} into {2}.", "What are {0} {1} in {2}?", "I have {0} {1}. How much is that in {2}?", "{0} {1} in {2}?", "Exchange {0} {1} for {2}.", "Give me {0} {1} in {2}.", "What do I get in {2} for {0} {1}?"],
         lambda rng, part, a: {"result": values.price(rng, part)}, ["{0} {1} are {result} {2}.", "That is {result} {2}.", "You get {result} {2} for {0} {1}."]),
    Tool("play_music play music_player start_music", ["Play a song.", "Plays music."], [Param("title song track", "string", values.title, "the song"), Param("artist singer by", "string", values.full_name, "who sings it", None, False)],
         ["Play \"{0}\".", "I want to hear \"{0}\".", "Put on the song \"{0}\".", "Start the song \"{0}\".", "Please play \"{0}\".", "Let us listen to \"{0}\".", "Music: \"{0}\"", "Turn on \"{0}\".", "Can I hear \"{0}\"?"],
         lambda rng, part, a: {"playing": True, "seconds": rng.randint(90, 400)}, ["\"{0}\" is playing. It takes {seconds} seconds.", "Now playing \"{0}\", {seconds} seconds.", "Here is \"{0}\". It is {seconds} seconds long."], (" by {1}", " It is by {1}.", " The artist is {1}.")),
    Tool("set_light light switch_light lamp_control", ["Switch a light on or off.", "Controls the lights of a room."], [Param("room where place", "string", values.of("kitchen,bedroom,bathroom,hall,garage,garden,office,attic,cellar,living room".split(",")), "which room"), Param("on state enabled", "boolean", lambda rng, part: rng.random() < 0.5, "true for on")],
         ["Turn the light in the {0} {1}.", "Switch {1} the light in the {0}.", "Light {1} in the {0}.", "Please turn {1} the {0} light.", "The {0} light should be {1}.", "Make the light {1} in the {0}.", "I want the {0} light {1}.", "{0}: light {1}", "Set the light in the {0} to {1}."],
         lambda rng, part, a: {"ok": True}, ["The light in the {0} is {1} now.", "Done: the {0} light is {1}.", "The {0} light is {1}."]),
    Tool("set_temperature thermostat heat set_heating", ["Set the temperature of a room."], [Param("room place zone", "string", values.of("kitchen,bedroom,bathroom,hall,garage,office,attic,cellar,living room".split(",")), "which room"), Param("degrees temperature value", "number", lambda rng, part: rng.choice((rng.randint(15, 26), rng.randint(15, 25) + 0.5)), "degrees")],
         ["Set the {0} to {1} degrees.", "Heat the {0} to {1} degrees.", "Make it {1} degrees in the {0}.", "I want {1} degrees in the {0}.", "Temperature in the {0}: {1}.", "The {0} should have {1} degrees.", "Warm the {0} to {1}.", "Please bring the {0} to {1} degrees.", "Turn the heating in the {0} to {1}."],
         lambda rng, part, a: {"now": rng.randint(10, 25)}, ["The {0} is set to {1} degrees. It has {now} now.", "Now it is {now} degrees, soon {1}.", "I set {1} degrees. The {0} is at {now} at the moment."]),
    Tool("read_file open_file show_file get_file cat", ["Read a file.", "Returns the content of a file."], [Param("path file filename", "string", path, "path of the file")],
         ["Read {0}.", "What is in {0}?", "Show me the file {0}.", "Open {0}.", "Print the content of {0}.", "What does {0} say?", "Tell me what {0} contains.", "Have a look at {0}.", "I need the text of {0}."],
         lambda rng, part, a: {"content": sentence(rng, part)}, ["The file {0} says: {content}", "{0} contains: {content}", "It says: {content}"]),
    Tool("list_files ls list_directory show_directory", ["List the files of a directory."], [Param("directory path folder", "string", lambda rng, part: rng.choice(["", "/", "src/", "/home/"]) + values.word(rng, part), "the directory")],
         ["Which files are in {0}?", "List {0}.", "Show the files in {0}.", "What is in the folder {0}?", "ls {0}", "Give me the list of files in {0}.", "List the directory {0}.", "Which files does {0} have?", "Tell me the files of {0}."],
         lambda rng, part, a: {"files": [values.word(rng, part) + ".txt", values.word(rng, part) + ".md"]}, ["The files are {files}.", "In {0} there are {files}.", "I see {files}."]),
    Tool("run_command shell execute bash exec", ["Run a command in the shell.", "Executes a shell command."], [Param("command cmd line", "string", lambda rng, part: rng.choice(["git status", f"cat {path(rng, part)}", f"mkdir {values.word(rng, part)}", f"grep {values.word(rng, part)} {path(rng, part)}", f"wc -l {path(rng, part)}", f"python {values.word(rng, part)}.py", "npm test", f"flashmoe show {values.word(rng, part)}"]), "the command")],
         ["Run `{0}`.", "Execute `{0}`.", "Please run the command `{0}`.", "What does `{0}` print?", "Do `{0}` in the shell.", "Start `{0}`.", "I want to run `{0}`.", "Call `{0}` for me.", "Type `{0}` into the terminal."],
         lambda rng, part, a: {"exit_code": rng.choice((0, 0, 1, 2)), "output": f"{values.word(rng, part)} {rng.randint(1, 99)}"}, ["It printed \"{output}\" and ended with exit code {exit_code}.", "The exit code is {exit_code}, the output \"{output}\".", "`{0}` ended with {exit_code}: {output}"]),
    Tool("get_stock_price stock_price quote share_price", ["Get the price of a share."], [Param("symbol ticker company", "string", lambda rng, part: "".join(rng.choice("ABCDEFGHKLMNOPRSTUVWXYZ") for _ in range(rng.choice((3, 4)))), "symbol of the share")],
         ["What is the price of {0} shares?", "How does {0} trade?", "Give me the stock price of {0}.", "Price of {0}?", "What do {0} shares cost?", "Check the {0} share.", "How much is one {0} share?", "Look up the stock {0}.", "Quote {0}."],
         lambda rng, part, a: {"price": values.price(rng, part)}, ["One {0} share costs {price}.", "{0} is at {price}.", "The price of {0} is {price}."]),
    Tool("book_table reserve reservation book_restaurant", ["Book a table in a restaurant."], [Param("restaurant name place", "string", values.company, "the restaurant"), Param("people guests seats", "integer", values.whole(1, 12), "how many people"), Param("time at when", "string", values.clock, "when")],
         ["Book a table at {0} for {1} people at {2}.", "We are {1} and want to eat at {0} at {2}.", "Reserve {1} seats at {0} for {2}.", "A table for {1} at {0}, {2}.", "Please book {0} for {1} at {2}.", "Dinner at {0} at {2} for {1} people.", "Get us a table at {0}: {1} people, {2}.", "At {2} we need {1} seats at {0}.", "{0}, {1} people, {2}: make a reservation."],
         lambda rng, part, a: {"confirmation": values.code(rng, part)}, ["The table is booked. The confirmation is {confirmation}.", "Your reservation at {0} has the code {confirmation}.", "Booked for {1} people: {confirmation}."]),
    Tool("create_event add_event calendar_add schedule", ["Add an event to the calendar."], [Param("title name event", "string", values.topic, "name of the event"), Param("date day on", "string", values.date, "the day"), Param("guests people attendees", "array", lambda rng, part: list(dict.fromkeys(values.first_name(rng, part) for _ in range(rng.choice((1, 2, 2, 3))))), "who is invited", None)],
         ["Add the {0} on {1} with {2} to my calendar.", "Plan the {0} for {1} with {2}.", "Put \"{0}\" on {1} and invite {2}.", "Schedule the {0} on {1}. Guests: {2}.", "On {1} we have the {0} with {2}. Add it.", "New event: {0}, {1}, with {2}.", "Invite {2} to the {0} on {1}.", "Calendar: {0} on {1}, guests {2}.", "Make an event \"{0}\" on {1} for {2}."],
         lambda rng, part, a: {"event_id": values.code(rng, part)}, ["The {0} on {1} is in the calendar as {event_id}.", "Added with the number {event_id}.", "Done: event {event_id}."]),
    Tool("find_contact lookup_contact get_contact contact", ["Find a person in the address book."], [Param("name person query", "string", values.full_name, "name of the person")],
         ["What is the phone number of {0}?", "How can I reach {0}?", "Find {0} in my contacts.", "Look up {0} in the address book.", "Give me the number of {0}.", "I need to call {0}. What is the number?", "Contact of {0}?", "Show me the contact {0}.", "Which number does {0} have?"],
         lambda rng, part, a: {"phone": values.phone(rng, part)}, ["The number of {0} is {phone}.", "You can reach {0} at {phone}.", "{0} has the number {phone}."]),
    Tool("track_package track_parcel parcel_status tracking", ["Tell where a parcel is."], [Param("tracking_number number code id", "string", values.code, "number of the parcel")],
         ["Where is my parcel {0}?", "Track {0}.", "What happened to package {0}?", "My parcel has the number {0}. Where is it?", "Follow the parcel {0}.", "Status of package {0}?", "Has {0} arrived?", "When does the package {0} come?", "Look for my package, number {0}."],
         lambda rng, part, a: {"place": values.city(rng, part), "arrives": values.date(rng, part)}, ["The parcel is in {place} and arrives on {arrives}.", "It is in {place} now. It will arrive on {arrives}.", "Parcel {0} is in {place}, it comes on {arrives}."]),
    Tool("get_route directions route navigate", ["Find the way between two places."], [Param("from start origin", "string", values.city, "start"), Param("to destination goal", "string", values.city, "goal"), Param("mode by transport", "string", values.of(["car", "train", "bike", "bus"]), "means of transport", ["car", "train", "bike", "bus"], False)],
         ["How do I get from {0} to {1}?", "Show the way from {0} to {1}.", "Route from {0} to {1}.", "I want to go from {0} to {1}.", "How far is it from {0} to {1}?", "Directions: {0} to {1}.", "Take me from {0} to {1}.", "How long is the trip from {0} to {1}?", "Find a route to {1} from {0}."],
         lambda rng, part, a: {"km": rng.randint(2, 900), "minutes": rng.randint(5, 600)}, ["It is {km} km from {0} to {1} and takes {minutes} minutes.", "The way is {km} km long. You need {minutes} minutes.", "You need {minutes} minutes for the {km} km."], (" I go by {2}.", " By {2}.", " I take the {2}.")),
    Tool("roll_dice dice roll throw_dice", ["Roll dice."], [Param("count dice number", "integer", values.whole(1, 9), "how many dice"), Param("sides faces", "integer", values.of((4, 8, 10, 12, 20)), "sides of a die", None, False)],
         ["Roll {0} dice.", "Throw {0} dice for me.", "I want to roll {0} dice.", "Please roll {0} dice.", "{0} dice, please.", "Let {0} dice roll.", "Give me a throw of {0} dice.", "Dice: {0} of them.", "Cast {0} dice."],
         lambda rng, part, a: {"sum": rng.randint(1, 60)}, ["The dice show {sum} in all.", "You rolled {sum}.", "The sum is {sum}."], (" with {1} sides", ", each with {1} sides", " They have {1} sides.")),
]

PRE = ["", "", "", "", "", "Please: ", "Hey, ", "Hi! ", "Okay, ", "One thing: ", "Next: ", "Now: ", "Hello. ", "I have a question. ", "Quick: ", "So, ", "Help me: ", "Spark, "]
POST = ["", "", "", "", "", "", " Thanks.", " Thank you!", " Please.", " I am in a hurry.", " Can you do that?", " It is important.", " That would help.", " Please do it now."]
# Put together: what a new thing has, does or is.
MADE = [
    ("get", "Get the {n} of a {t}.", [("string", "name of the {t}")], ["What is the {n} of {0}?", "Tell me the {n} of {0}.", "I need the {n} of {0}.", "Which {n} does {0} have?", "Give me the {n} for {0}.", "Look up the {n} of {0}.", "Find the {n} of {0}.", "{n} of {0}?", "Check the {n} of {0}."],
     ["The {n} of {0} is {value}.", "{0} has the {n} {value}.", "It is {value}."]),
    ("set", "Set the {n} of a {t}.", [("string", "name of the {t}"), ("integer", "the new {n}")], ["Set the {n} of {0} to {1}.", "Change the {n} of {0} to {1}.", "Make the {n} of {0} {1}.", "The {n} of {0} should be {1}.", "Put the {n} of {0} at {1}.", "Give {0} the {n} {1}.", "{0} needs {n} {1}.", "I want {n} {1} for {0}.", "Update {0}: {n} {1}."],
     ["The {n} of {0} is {1} now.", "Done: {0} has {n} {1}.", "I set it to {1}."]),
    ("count", "Count the {n}s of a {t}.", [("string", "name of the {t}")], ["How many {n}s does {0} have?", "Count the {n}s of {0}.", "Number of {n}s in {0}?", "How many {n}s are there in {0}?", "Tell me how many {n}s {0} has.", "I want to know how many {n}s {0} has.", "Count all {n}s in {0}.", "How many {n}s belong to {0}?", "{0}: how many {n}s?"],
     ["{0} has {value} {n}s.", "There are {value} {n}s.", "I counted {value}."]),
    ("delete", "Delete a {n}.", [("string", "name of the {n}")], ["Delete the {n} {0}.", "Remove the {n} called {0}.", "The {n} {0} must go.", "Please delete {n} {0}.", "Get rid of the {n} {0}.", "I do not need the {n} {0} any more. Delete it.", "Throw away the {n} {0}.", "Erase the {n} {0}.", "Drop the {n} {0}."],
     ["The {n} {0} was deleted.", "Done, {0} is gone.", "I deleted {0}."]),
    ("create", "Create a {n}.", [("string", "name of the {n}"), ("string", "its {t}")], ["Create a {n} named {0} with the {t} {1}.", "Make a new {n} {0}, {t} {1}.", "I need a {n} called {0}. Its {t} is {1}.", "Add a {n} {0} with {t} {1}.", "New {n}: {0}, {t} {1}.", "Please create the {n} {0}; the {t} is {1}.", "Set up a {n} {0} with {t} {1}.", "Build a {n} {0} that has the {t} {1}.", "Start a {n} named {0}, with {1} as {t}."],
     ["The {n} {0} is ready.", "I created {0}.", "Done: {n} {0} with {t} {1}."]),
    ("start", "Start or stop a {n}.", [("string", "name of the {n}"), ("boolean", "true to start, false to stop")], ["Turn the {n} {0} {1}.", "Switch {1} the {n} {0}.", "The {n} {0} should be {1}.", "Please turn {1} the {n} {0}.", "I want the {n} {0} {1}.", "Make the {n} {0} {1}.", "{n} {0}: {1}", "Put {1} the {n} {0}.", "Set {n} {0} to {1}."],
     ["The {n} {0} is {1}.", "Done, {0} is {1}.", "{0} is {1} now."]),
    ("mix", "Mix several {n}s.", [("array", "names of the {n}s")], ["Mix the {n}s {0}.", "Put the {n}s {0} together.", "Please mix {0}, they are {n}s.", "Combine the {n}s {0}.", "I want a mix of the {n}s {0}.", "Stir the {n}s {0}.", "Bring the {n}s {0} together.", "Make one from the {n}s {0}.", "Blend the {n}s {0}."],
     ["I mixed {0}: the result is {value}.", "The mix is {value}.", "You get {value}."]),
]
NOT_OFFERED = ["I am sorry, none of my tools can do that.", "I have no tool for that.", "Sorry, I can not do that with the tools I have.", "None of the functions that I can call does that."]
FAILED = ["Sorry, that did not work: {error}.", "The tool answered with an error: {error}.", "I could not do it: {error}."]
ERRORS = ["not found", "no connection", "access denied", "timeout", "unknown name", "the service is down", "no result", "invalid value"]
THANKS = [("Thanks!", "You are welcome!"), ("Thank you.", "You are welcome."), ("Great!", "I am glad that it helped."), ("Perfect.", "Good! What else can I do?"), ("Thanks a lot!", "I am happy to help.")]


# First words that are no names or values: these may lose their capital.
STARTS = {ask.split()[0].rstrip(",:") for asks in [t.asks for t in TOOLS] + [m[3] for m in MADE] for ask in asks if ask[0].isalpha()} - {"I", "Google", "Alarm"}


# ---- training's own wordings -------------------------------------------------------------------------

WIDE = 0.85
WIDE_ASKS = {tool.names[0]: Grammar(*tools_grammar.ASKS[tool.names[0]], avoid=others(tool.asks)) for tool in TOOLS}
KEPT_MADE = others(*(made[3] for made in MADE))
WIDE_MADE = [Grammar(*says, avoid=KEPT_MADE) for _, _, _, says, _, _ in tools_grammar.VERBS]
RESULTS = {"integer": lambda r, p, a: {"value": r.randint(0, 999)}, "word": lambda r, p, a: {"value": values.word(r, p)}, "yes": lambda r, p, a: {"value": r.choice(("yes", "no"))},
           "list": lambda r, p, a: {"value": list(dict.fromkeys(values.word(r, p) for _ in range(r.choice((1, 2, 3)))))}}


def item_names(rng, part):
    return list(dict.fromkeys(values.word(rng, part) for _ in range(rng.choice((1, 2, 2, 3, 3, 4)))))


def key_maker(rng):
    """What the things of one tool are called: names, words, codes, cities, or a word and a number."""
    return rng.choice((values.first_name, values.word, values.code, values.city, values.full_name, values.first_name, lambda r, p: f"{values.word(r, p)}{r.randint(1, 99)}", lambda r, p: words.new_name(r, p)))


class Fresh(Tool):
    """An invented tool of training: its wordings are grown one by one."""

    def __init__(self, rng, part, which, noun, thing):
        names, about_it, params, _, says, result = tools_grammar.VERBS[which]
        say = lambda text: text.replace("{n}", noun).replace("{t}", thing)
        verb, made_params = rng.choice(names), []
        for kind, text, called in params:
            make = {"key": key_maker(rng), "word": values.word, "integer": values.whole(0, rng.choice((20, 100, 500))), "boolean": lambda r, p: r.random() < 0.5, "list": item_names}[kind]
            made_params.append(Param(say(called), {"key": "string", "word": "string", "list": "array"}.get(kind, kind), make, say(text)))
        tool_name = rng.choice((f"{verb}_{noun}", f"{noun}_{verb}", f"{verb}_{noun}", f"{verb}{noun.capitalize()}", f"{verb}-{noun}", f"{verb}_{noun}s" if which in (2, 6, 11) else noun))
        super().__init__(tool_name, [say(about_it.pick(rng))], made_params, [], RESULTS[result], [say(text) for text in says])
        self.grown, self.say = WIDE_MADE[which], say


def siblings(rng, part, count):
    """Invented tools that share a noun or a verb, so that the other one decides."""
    noun, thing = values.word(rng, part), values.word(rng, part)
    while thing == noun:
        thing = values.word(rng, part)
    same_noun = rng.random() < 0.5
    which = rng.sample(range(len(WIDE_MADE)), count) if same_noun else [rng.randrange(len(WIDE_MADE))] * count
    out = []
    for w in which:
        out.append(Fresh(rng, part, w, noun, thing))
        if not same_noun:
            noun, last = values.word(rng, part), noun
            while noun in (last, thing):
                noun = values.word(rng, part)
    return out


def fresh(rng, part):
    noun, thing = values.word(rng, part), values.word(rng, part)
    while thing == noun:
        thing = values.word(rng, part)
    return Fresh(rng, part, rng.randrange(len(WIDE_MADE)), noun, thing)


def wide_wording(rng, tool):
    """A wording of training's own; nothing where only its lists have one."""
    if isinstance(tool, Fresh):
        return words.capital(tool.say(tool.grown.pick(rng))).replace("a {0}'s", "{0}'s")
    return words.capital(WIDE_ASKS[tool.names[0]].pick(rng)) if tool.names[0] in WIDE_ASKS and rng.random() < WIDE else None


class Offered:
    """One tool as this conversation knows it: a name, parameter names, a definition, and how to ask for it."""

    def __init__(self, rng, part, tool):
        self.tool = tool
        self.name = rng.choice(tool.names)
        draw = rng.random()
        if draw < 0.25:
            self.name = f"{words.glued(rng, part)}_{self.name}" if rng.random() < 0.5 else f"{self.name}_{words.glued(rng, part)}"
        elif draw < 0.4:
            head, *rest = self.name.split("_")
            self.name = head + "".join(w.capitalize() for w in rest)
        self.params, taken = [], set()
        for param in tool.params:
            name = rng.choice([n for n in param.names if n not in taken])
            taken.add(name)
            self.params.append((name, param))
        properties = {}
        described = rng.random() < 0.8
        for name, param in self.params:
            entry = {"type": param.kind}
            if param.kind == "array":
                entry["items"] = {"type": "string"}
            if described:
                entry["description"] = param.about
            if param.options:
                entry["enum"] = list(param.options)
            properties[name] = entry
        self.definition = {"type": "function", "function": {"name": self.name, "description": rng.choice(tool.about), "parameters": {
            "type": "object", "properties": properties, "required": [name for name, param in self.params if param.required]}}}

    def ask(self, rng, part):
        """(what the user says, arguments, how each argument is said)"""
        arguments, spoken = {}, []
        text = wide_wording(rng, self.tool) if part == "train" else None
        text = text or parts.of(rng, self.tool.asks, part)
        for i, (name, param) in enumerate(self.params):
            value = param.make(rng, part)
            shown = words.listing(value) if isinstance(value, list) else ("on" if value else "off") if isinstance(value, bool) else str(value)
            spoken.append(shown)
            if param.required:
                arguments[name] = value
            elif rng.random() < 0.4:
                arguments[name] = value
                extra = rng.choice(self.tool.extra).replace("{%d}" % i, "\0")
                text = text + extra if extra[:2] in (" I", " B", " U", " C", " N", " G", " A", " T") else text.rstrip(".?!") + extra + text[len(text.rstrip(".?!")):]
                text = text.replace("\0", shown)
        return filled(text, spoken), arguments, spoken

    def answer(self, rng, result, spoken):
        text = filled(rng.choice(self.tool.says), spoken)
        for key, value in result.items():
            text = text.replace("{%s}" % key, words.listing(value) if isinstance(value, list) else str(value))
        return text


def filled(text, spoken):
    for i, value in enumerate(spoken):
        text = text.replace("{%d}" % i, value)
    return text


def made(rng, part):
    """A tool nobody has seen."""
    verb, about_it, params, asks, says = rng.choice(MADE)
    noun, thing = values.word(rng, part), values.word(rng, part)
    while thing == noun:
        thing = values.word(rng, part)
    say = lambda text: text.replace("{n}", noun).replace("{t}", thing)
    made_params = []
    for i, (kind, text) in enumerate(params):
        names = {0: f"name {thing if 't' in text and verb in ('get', 'set', 'count') else noun} id", 1: {"integer": f"value {noun} amount", "string": thing, "boolean": "on enabled state"}.get(kind, "values")}[i]
        if kind == "array":
            names = f"names {noun}s items"
        make = {"string": rng.choice((values.first_name, values.word, values.code, values.city)) if i == 0 else values.word, "integer": values.whole(0, 500), "boolean": lambda r, p: r.random() < 0.5,
                "array": lambda r, p: list(dict.fromkeys(values.word(r, p) for _ in range(r.choice((2, 3)))))}[kind]
        made_params.append(Param(names, kind, make, say(text)))
    names = f"{verb}_{noun} {noun}_{verb} {verb}_{noun} {noun}"
    result = (lambda r, p, a: {"value": r.randint(0, 999)}) if verb != "mix" else (lambda r, p, a: {"value": values.word(r, p)})
    return Tool(names, [say(about_it)], made_params, [say(text) for text in asks], result, [say(text) for text in says])


def wide_offer(rng, part):
    """One to five tools, many of them invented, some hard to tell apart."""
    count = rng.choice((1, 2, 2, 3, 3, 4, 4, 5))
    tools = siblings(rng, part, count) if rng.random() < 0.2 else [fresh(rng, part) if rng.random() < 0.5 else made(rng, part) if rng.random() < 0.12 else tool for tool in rng.sample(TOOLS, count)]
    out, names = [], set()
    for tool in tools:
        offered = Offered(rng, part, tool)
        if offered.name not in names:
            names.add(offered.name)
            out.append(offered)
    return out


def offer(rng, part):
    """One to five different tools."""
    if part == "train":
        return wide_offer(rng, part)
    count = rng.choice((1, 2, 2, 3, 3, 4, 5))
    out, names = [], set()
    for tool in rng.sample(TOOLS, count):
        offered = Offered(rng, part, made(rng, part) if rng.random() < 0.45 else tool)
        if offered.name not in names:
            names.add(offered.name)
            out.append(offered)
    return out


def call_text(name, arguments) -> str:
    """As the template writes one call."""
    out = f"<tool_call>\n<function={name}>\n"
    for key, value in arguments.items():
        out += f"<parameter={key}>\n{value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}\n</parameter>\n"
    return out + "</function>\n</tool_call>"


def calls_in(text, tools):
    """The calls in an assistant's text as the chat protocol has them; values typed by the definitions."""
    types = {t["function"]["name"]: t["function"]["parameters"]["properties"] for t in tools}
    calls = []
    for block in text.split("<tool_call>\n")[1:]:
        name = block.split("<function=")[1].split(">\n")[0]
        arguments = {}
        for piece in block.split("<parameter=")[1:]:
            key, rest = piece.split(">\n", 1)
            value = rest.split("\n</parameter>")[0]
            arguments[key] = value if types[name][key]["type"] == "string" else json.loads(value)
        calls.append({"type": "function", "function": {"name": name, "arguments": arguments}})
    return calls


def result_text(rng, result) -> str:
    draw = rng.random()
    if draw < 0.7:
        return json.dumps(result, ensure_ascii=False)
    if draw < 0.85:
        return json.dumps(result, ensure_ascii=False, separators=(",", ":"))
    return ", ".join(f"{key}: {words.listing(value) if isinstance(value, list) else str(value).lower() if isinstance(value, bool) else value}" for key, value in result.items())


FIRST_WORDS = STARTS | set("What Which How Tell Say Give Name State Let Can Could Do Please Get Check Look Fetch Read Find Show Is Does Has The Make Turn Switch Put Set Bring Take Delete Remove Erase Drop Discard Mix Combine Blend Merge Join Count Number Create Add Build Open New Rename Call Move Send Pay List Lock Close From For To Book Reserve Roll Throw Run Execute Start Search Write Text Note Save Play Wake Translate Convert Where When Calculate Compute Our My In On At".split())


def wide_dressed(rng, text):
    """With something of training's own before or after, or typed carelessly."""
    known = text.split()[0].rstrip(",:") in FIRST_WORDS
    draw = rng.random()
    if draw < 0.35:
        before = tools_grammar.BEFORE.pick(rng)
        text = before + (text[0].lower() + text[1:] if known and before.rstrip()[-1] in ",:" and rng.random() < 0.8 else text)
    elif draw < 0.45 and known:
        text = text[0].lower() + text[1:]
    if rng.random() < 0.3:
        text += ("" if text[-1] in ".?!\"`" else ".") + tools_grammar.BEHIND.pick(rng)
    elif rng.random() < 0.15 and text[-1] == "." and not text[-2].isdigit():
        text = text[:-1]
    return text


def dressed(rng, part, text):
    """The wording with something before and after it; which combinations belongs to the part."""
    if part == "train" and rng.random() < 0.5:
        return wide_dressed(rng, text)
    while True:
        pre, post = rng.choice(PRE), rng.choice(POST)
        if not (pre or post) or parts.hashed(pre + "|" + post) == part:
            break
    known = text.split()[0].rstrip(",:") in STARTS
    if pre.endswith(", ") and known:
        text = text[0].lower() + text[1:]
    if post and text[-1] not in ".?!\"":
        text += "."
    style = rng.random()
    if style < 0.05 and known and not any(c.isupper() for c in text[1:]):
        text = text.lower()
    return pre + text + post


def plain_exchange(rng, part, offered):
    """Nothing to call: small talk, or a request that no tool on offer serves."""
    draw = rng.random()
    if draw < 0.45:
        used = {o.tool.names[0] for o in offered}
        others = [t for t in TOOLS if t.names[0] not in used and t.names[0] != "calculate"]     # spark can do small sums itself
        other = Offered(rng, part, rng.choice(others))
        if other.tool.names[0] in ("search_web", "run_command", "send_message", "send_email") and used & {"send_message", "send_email", "search_web", "run_command", "add_note", "add_todo"}:
            return plain_exchange(rng, part, offered)
        if other.tool.names[0] in ("add_note", "add_todo", "set_timer", "set_alarm", "create_event") and used & {"add_note", "add_todo", "set_timer", "set_alarm", "create_event"}:
            return plain_exchange(rng, part, offered)
        if used & {"search_web", "run_command"}:
            return plain_exchange(rng, part, offered)
        return [("user", dressed(rng, part, other.ask(rng, part)[0])), ("assistant", rng.choice(NOT_OFFERED))]
    text, reply = (about.talk_turn if draw < 0.65 else facts.turn if draw < 0.9 else about.self_turn)(rng, part)
    return [("user", text), ("assistant", reply)]


def called_exchange(rng, part, offered, finish=True):
    """Ask, call, result, answer; sometimes two calls at once, sometimes an error."""
    one = rng.choice(offered)
    text, arguments, spoken = one.ask(rng, part)
    if finish and rng.random() < 0.06 and len(offered) > 1:
        two = rng.choice([o for o in offered if o is not one])
        text2, arguments2, spoken2 = two.ask(rng, part)
        r1, r2 = one.tool.result(rng, part, arguments), two.tool.result(rng, part, arguments2)
        return [("user", text + (" " if text[-1] in ".?!\"" else ". ") + rng.choice(["And: ", "Also: ", "Then: ", ""]) + text2),
                ("assistant", call_text(one.name, arguments) + "\n" + call_text(two.name, arguments2)),
                ("tool", result_text(rng, r1)), ("tool", result_text(rng, r2)), ("assistant", one.answer(rng, r1, spoken) + " " + two.answer(rng, r2, spoken2))]
    messages = [("user", dressed(rng, part, text)), ("assistant", call_text(one.name, arguments))]
    if not finish:
        return messages
    if rng.random() < 0.06:
        error = rng.choice(ERRORS)
        return messages + [("tool", json.dumps({"error": error})), ("assistant", rng.choice(FAILED).format(error=error))]
    result = one.tool.result(rng, part, arguments)
    return messages + [("tool", result_text(rng, result)), ("assistant", one.answer(rng, result, spoken))]


def make(rng, part):
    offered = offer(rng, part)
    messages = [("tools", [o.definition for o in offered])]
    rounds = rng.choice((1, 1, 2, 2, 3))
    for i in range(rounds):
        if rng.random() < 0.2:
            messages += plain_exchange(rng, part, offered)
        else:
            messages += called_exchange(rng, part, offered, finish=i + 1 < rounds or rng.random() < 0.75)
            if messages[-2][0] == "user":
                return messages
        if rng.random() < 0.06:
            thanks = rng.choice(THANKS)
            messages += [("user", thanks[0]), ("assistant", thanks[1])]
    return messages


def protocol(messages):
    """(role, text) pairs -> (messages of the chat protocol, tools)."""
    tools = messages[0][1] if messages[0][0] == "tools" else []
    out = []
    for role, text in messages:
        if role == "tools":
            continue
        entry = {"role": role, "content": text}
        if role == "assistant":
            if text.startswith("<think>"):
                thought, entry["content"] = text[len("<think>"):].split("</think>", 1)
                entry["content"] = entry["content"].strip()
                entry["reasoning_content"] = thought.strip()
            if "<tool_call>" in text:
                entry["tool_calls"] = calls_in(entry["content"], tools)
                entry["content"] = entry["content"].split("<tool_call>")[0].strip()
        out.append(entry)
    return out, tools


def case(rng, part):
    """A request that one of the tools serves, sometimes after another exchange."""
    offered = offer(rng, part)
    messages = [("tools", [o.definition for o in offered])]
    if rng.random() < 0.25:
        messages += called_exchange(rng, part, offered) if rng.random() < 0.6 else plain_exchange(rng, part, offered)
    messages += called_exchange(rng, part, offered, finish=False)
    call = calls_in(messages[-1][1], messages[0][1])[0]["function"]
    asked, tools = protocol(messages[:-1])
    return {"task": "tools", "messages": asked, "tools": tools, "think": False, "max_tokens": 200, "check": {"kind": "tool_call", "name": call["name"], "arguments": call["arguments"]},
            "reference": messages[-1][1]}


def said_values(result):
    """What of a result an answer must name."""
    out = []
    for value in result.values():
        out += [str(v) for v in value] if isinstance(value, list) else [str(value)] if not isinstance(value, bool) else []
    return out


def result_case(rng, part):
    """The result is there: the answer must use it."""
    while True:
        offered = offer(rng, part)
        one = rng.choice(offered)
        text, arguments, spoken = one.ask(rng, part)
        result = one.tool.result(rng, part, arguments)
        wanted = [v for v in said_values(result) if all("{%s}" % key in say for key, value in result.items() for say in one.tool.says if str(value) == v or isinstance(value, list) and v in value)]
        if wanted:
            break
    messages = [("tools", [o.definition for o in offered]), ("user", dressed(rng, part, text)), ("assistant", call_text(one.name, arguments)), ("tool", json.dumps(result, ensure_ascii=False))]
    asked, tools = protocol(messages)
    return {"task": "tool_results", "messages": asked, "tools": tools, "think": False, "max_tokens": 96, "check": {"kind": "contains", "all": [v.rstrip(".") for v in wanted]},
            "reference": one.answer(rng, result, spoken)}
