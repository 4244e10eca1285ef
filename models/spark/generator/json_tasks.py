"""JSON extraction: a short text, the fields that are wanted, and the record as compact JSON.

A domain is an inventory of fields.  A task draws some of them, gives them keys,
writes sentences about them in any order and asks in one of many forms.
Every value stands in the text as it must stand in the answer; what is missing is null.
"""

import json

from . import json_grammar, parts, sums, values, words
from .grammar import normal


class Field:
    """keys: names it may get; kind: JSON type; make(rng, part) -> value; says: sentences with {S} subject, {P} possessive and {v}."""

    def __init__(self, keys, kind, make, says, options=None):
        self.keys, self.kind, self.make, self.says, self.options = keys.split(), kind, make, says, options


STATUS = ["open", "closed", "pending", "cancelled"]
SIZES = ["small", "medium", "large"]
LEVELS = ["low", "normal", "high", "urgent"]

PERSON = dict(subject="person", fields=[
    Field("age age years", "integer", values.whole(18, 95), ["{S} is {v} years old.", "{P} age is {v}.", "{S} turned {v} last week.", "Age: {v}.", "{S} is {v}.", "At {v}, {S} still works every day.", "{S} is a person of {v} years."]),
    Field("city home city town lives_in location", "string", values.city, ["{S} lives in {v}.", "{P} home is in {v}.", "{S} moved to {v}.", "City: {v}.", "{S} has a house in {v}.", "You can find {S} in {v}.", "{S} calls {v} home."]),
    Field("job profession occupation work", "string", values.of("teacher baker nurse doctor farmer pilot painter driver cook gardener writer singer carpenter sailor dentist tailor engineer musician librarian judge".split()),
          ["{S} works as a {v}.", "{P} job is {v}.", "{S} is a {v}.", "Job: {v}.", "{S} became a {v}.", "By profession {S} is a {v}.", "{S} earns a living as a {v}."]),
    Field("email mail email_address contact", "string", values.email, ["{P} email is {v}.", "Write to {v}.", "{S} can be reached at {v}.", "Email: {v}", "{S} reads mail at {v}.", "Send letters to {v}.", "{P} address for mail is {v}."]),
    Field("phone telephone phone_number", "string", values.phone, ["{P} phone number is {v}.", "Call {S} at {v}.", "Phone: {v}.", "The number to call is {v}.", "{S} answers the phone at {v}.", "{P} telephone is {v}.", "Ring {v} to speak with {S}."]),
    Field("hobbies interests likes", "array", values.item_list, ["{S} likes {v}.", "{S} is fond of {v}.", "{P} favorites are {v}.", "{S} often talks about {v}.", "Likes: {v}.", "{S} collects {v}.", "{S} never tires of {v}."]),
    Field("married is_married", "boolean", None, [("{S} is married.", "{S} is not married."), ("{S} has a partner by marriage: yes, married.", "{S} never married."), ("Married: yes.", "Married: no.")]),
    Field("children number_of_children kids", "integer", values.whole(2, 9), ["{S} has {v} children.", "{S} has {v} kids.", "Children: {v}.", "There are {v} children in the family.", "{S} raised {v} children.", "{P} family has {v} children.", "{S} looks after {v} children."]),
    Field("birthday date_of_birth born", "string", values.date, ["{S} was born on {v}.", "{P} birthday is {v}.", "Born: {v}.", "{P} date of birth is {v}.", "{S} has {P} birthday on {v}.", "{S} came into the world on {v}.", "{S} celebrates on {v}."]),
    Field("address home_address", "object", None, ["{S} lives at {v}.", "{P} address is {v}.", "Address: {v}.", "Letters reach {S} at {v}.", "{S} has a flat at {v}.", "Visit {S} at {v}.", "{P} house is at {v}."]),
    Field("company employer", "string", values.company, ["{S} works for {v}.", "{P} employer is {v}.", "{S} has a desk at {v}.", "Company: {v}.", "{S} joined {v}.", "{S} is paid by {v}.", "{S} is with {v}."]),
], name=Field("name full_name person name who", "string", values.full_name, []))
ORDER = dict(subject="The order", fields=[
    Field("order_id order_number id number", "string", values.code, ["The order number is {v}.", "Order {v} came in today.", "Order: {v}.", "It is order {v}.", "This is about order {v}.", "The order has the number {v}.", "Our reference is order {v}."]),
    Field("quantity amount count", "integer", values.whole(2, 60), ["The quantity is {v}.", "{v} pieces were ordered.", "Quantity: {v}.", "They want {v} of it.", "The order is for {v} pieces.", "Please pack {v} pieces.", "{v} units are needed."]),
    Field("product item article", "string", values.goods, ["The product is a {v}.", "Item: {v}.", "The customer ordered a {v}.", "What was bought is a {v}.", "The article is called {v}.", "In the box goes a {v}.", "The item on the list is a {v}."]),
    Field("price total cost amount_due", "number", values.price, ["The price is {v} euros.", "It costs {v} dollars.", "Total: {v}.", "The total is {v} dollars.", "The customer pays {v} euros.", "The bill says {v} euros.", "The sum to pay is {v} dollars."]),
    Field("customer customer_name buyer client", "string", values.full_name, ["The customer is {v}.", "{v} placed the order.", "Customer: {v}.", "It was ordered by {v}.", "The buyer is called {v}.", "{v} is the client.", "The order comes from {v}."]),
    Field("status state order_status", "string", None, ["The status is {v}.", "Status: {v}.", "The order is {v}.", "It is marked as {v}.", "In the system it is {v}.", "At the moment it is {v}.", "It was set to {v}."], STATUS),
    Field("paid is_paid", "boolean", None, [("It has been paid.", "It has not been paid."), ("Paid: yes.", "Paid: no."), ("The bill is paid.", "The bill is not paid yet.")]),
    Field("delivery_date date ship_date due", "string", values.date, ["It ships on {v}.", "Delivery is on {v}.", "Delivery date: {v}.", "It will arrive on {v}.", "It must be there on {v}.", "The truck leaves on {v}.", "Expect it on {v}."]),
    Field("shipping_address address ship_to", "object", None, ["Ship it to {v}.", "The address is {v}.", "It goes to {v}.", "Deliver to {v}.", "Address: {v}.", "The parcel is for {v}.", "Bring it to {v}."]),
    Field("items goods contents", "array", values.item_list, ["The box holds {v}.", "Items: {v}.", "It contains {v}.", "Inside are {v}.", "The customer wants {v}.", "On the list: {v}.", "Packed were {v}."]),
], name=None)
EVENT = dict(subject="The event", fields=[
    Field("title event name event_name", "string", values.topic, ["The event is called {v}.", "Event: {v}.", "We plan the {v}.", "You are invited to the {v}.", "Do not miss the {v}.", "The title is {v}.", "On the calendar: the {v}."]),
    Field("date day when", "string", values.date, ["It takes place on {v}.", "The date is {v}.", "Date: {v}.", "It is on {v}.", "Save the date: {v}.", "We meet on {v}.", "Keep {v} free."]),
    Field("time start start_time begins_at", "string", values.clock, ["It starts at {v}.", "Doors open at {v}.", "Time: {v}.", "It begins at {v}.", "Be there at {v}.", "The start is at {v}.", "We start at {v} sharp."]),
    Field("place location venue where", "string", values.city, ["It is held in {v}.", "The place is {v}.", "Place: {v}.", "We meet in {v}.", "Come to {v}.", "The venue is {v}.", "It will happen in {v}."]),
    Field("host organizer organizer_name", "string", values.full_name, ["{v} is the host.", "It is organized by {v}.", "Host: {v}.", "{v} organizes it.", "Ask {v} if you have questions.", "{v} invites everybody.", "The organizer is {v}."]),
    Field("guests participants attendees people", "integer", values.whole(3, 300), ["{v} guests will come.", "There is room for {v} people.", "Guests: {v}.", "We expect {v} people.", "{v} people have signed up.", "{v} seats are taken.", "The list has {v} guests."]),
    Field("speakers names invited", "array", "names", ["The speakers are {v}.", "On stage: {v}.", "Speakers: {v}.", "We will hear {v}.", "The talks are by {v}.", "Invited are {v}.", "You will meet {v}."]),
    Field("free free_entry is_free", "boolean", None, [("Entry is free.", "Entry is not free."), ("Free: yes.", "Free: no."), ("You do not pay anything: it is free.", "You need a ticket that costs money: it is not free.")]),
    Field("price ticket_price fee", "number", values.price, ["A ticket costs {v} euros.", "The fee is {v} dollars.", "Tickets: {v}.", "The ticket price is {v}.", "Entry costs {v}.", "Pay {v} at the door.", "One seat is {v} dollars."]),
], name=None)
PRODUCT = dict(subject="The product", fields=[
    Field("name product product_name title", "string", values.goods, ["The product is called {v}.", "New in the shop: {v}.", "Product: {v}.", "We sell the {v}.", "Here is the {v}.", "Meet the {v}.", "Its name is {v}."]),
    Field("price cost price_eur", "number", values.price, ["It costs {v} euros.", "The price is {v}.", "Price: {v}.", "You pay {v} dollars.", "It is yours for {v}.", "We ask {v} for it.", "It sells at {v} euros."]),
    Field("color colour", "string", values.of(words.COLORS), ["Its color is {v}.", "It comes in {v}.", "Color: {v}.", "It is {v}.", "It is painted {v}.", "We only have it in {v}.", "It looks {v}."]),
    Field("weight weight_kg kilograms", "number", values.price, ["It weighs {v} kg.", "Weight: {v} kg.", "The weight is {v} kg.", "On the scale it shows {v} kg.", "It has {v} kg.", "It brings {v} kg on the scale.", "Its weight is {v} kg."]),
    Field("in_stock available stock", "boolean", None, [("It is in stock.", "It is not in stock."), ("In stock: yes.", "In stock: no."), ("You can buy it now: it is available.", "It is sold out.")]),
    Field("size format", "string", None, ["The size is {v}.", "Size: {v}.", "It comes in size {v}.", "It is a {v} one.", "The label says {v}.", "We have it in {v}.", "It is of {v} size."], SIZES),
    Field("brand maker manufacturer company", "string", values.company, ["It is made by {v}.", "The brand is {v}.", "Brand: {v}.", "{v} makes it.", "It comes from {v}.", "The maker is {v}.", "{v} builds it."]),
    Field("sku code article_number id", "string", values.code, ["The article number is {v}.", "Code: {v}.", "Its code is {v}.", "In the system it is {v}.", "Look for {v}.", "The label reads {v}.", "It is listed as {v}."]),
    Field("rating stars", "number", lambda rng, part: rng.choice((1.5, 2.5, 3.5, 4.5, 1, 2, 3, 4, 5, 4.2, 4.8, 3.9)), ["It has {v} stars.", "Rating: {v}.", "Buyers give it {v} stars.", "Its rating is {v}.", "It is rated {v}.", "It scores {v} of 5.", "The average is {v} stars."]),
    Field("tags keywords parts", "array", values.item_list, ["Tags: {v}.", "It goes well with {v}.", "The keywords are {v}.", "In the set you find {v}.", "It is listed under {v}.", "Sold together with {v}.", "It belongs to {v}."]),
], name=None)
TRAVEL = dict(subject="The trip", fields=[
    Field("passenger traveler name", "string", values.full_name, ["The passenger is {v}.", "{v} is traveling.", "Passenger: {v}.", "The ticket is for {v}.", "{v} booked the trip.", "The traveler is called {v}.", "A seat is reserved for {v}."]),
    Field("from origin departure_city start", "string", values.city, ["The trip starts in {v}.", "From: {v}.", "Departure is from {v}.", "It leaves from {v}.", "The first stop is {v}, where it starts.", "It sets off in {v}.", "The journey begins in {v}."]),
    Field("to destination arrival_city goal", "string", values.city, ["The destination is {v}.", "It goes to {v}.", "To: {v}.", "It ends in {v}.", "The goal is {v}.", "The journey ends in {v}.", "It is bound for {v}."]),
    Field("date departure_date travel_date", "string", values.date, ["The date is {v}.", "It leaves on {v}.", "Date: {v}.", "Departure is on {v}.", "The trip is on {v}.", "The day of travel is {v}.", "It is booked for {v}."]),
    Field("time departure_time departs", "string", values.clock, ["It departs at {v}.", "Time: {v}.", "Departure time is {v}.", "It leaves at {v}.", "Boarding ends at {v}.", "Be at the gate at {v}.", "It sets off at {v}."]),
    Field("seat seat_number", "string", values.code, ["The seat is {v}.", "Seat: {v}.", "Seat {v} is reserved.", "The seat number is {v}.", "Sit in {v}.", "On the ticket is seat {v}.", "The place is seat {v}."]),
    Field("price fare ticket_price", "number", values.price, ["The ticket costs {v} euros.", "Fare: {v}.", "The fare is {v} dollars.", "The price is {v}.", "It was {v} dollars.", "The trip costs {v}.", "They paid {v} for the ticket."]),
    Field("transport mode vehicle", "string", None, ["They travel by {v}.", "It is a trip by {v}.", "Transport: {v}.", "The journey is made by {v}.", "They take the {v}.", "They go by {v}.", "By {v} it is faster."], ["train", "bus", "plane", "ship", "car"]),
    Field("return round_trip is_return", "boolean", None, [("It is a return ticket.", "It is not a return ticket."), ("Return: yes.", "Return: no."), ("It includes the way back: a return trip.", "It is one way only, with no return.")]),
    Field("luggage bags suitcases", "integer", values.whole(1, 9), ["There are {v} bags.", "Bags: {v}.", "They carry {v} bags.", "{v} pieces of luggage are booked.", "The luggage is {v} pieces.", "They check in {v} bags.", "{v} suitcases come along."]),
], name=None)
MEETING = dict(subject="The task", fields=[
    Field("title subject task summary", "string", values.topic, ["The task is called {v}.", "Task: {v}.", "The subject is {v}.", "This is about the {v}.", "The title is {v}.", "We talk about the {v}.", "The matter is the {v}."]),
    Field("assignee owner responsible person", "string", values.full_name, ["{v} does it.", "It is assigned to {v}.", "Owner: {v}.", "{v} is responsible.", "{v} takes care of it.", "The work goes to {v}.", "It is on the desk of {v}."]),
    Field("priority urgency level", "string", None, ["The priority is {v}.", "Priority: {v}.", "Its priority is {v}.", "It is of {v} priority.", "It was marked {v}.", "We rate it {v}.", "It counts as {v}."], LEVELS),
    Field("due deadline due_date", "string", values.date, ["It is due on {v}.", "The deadline is {v}.", "Due: {v}.", "It must be done by {v}.", "We need it by {v}.", "The last day is {v}.", "Finish it before {v}."]),
    Field("hours effort estimated_hours", "integer", values.whole(1, 80), ["It takes {v} hours.", "Effort: {v} hours.", "We plan {v} hours.", "The estimate is {v} hours.", "It needs {v} hours.", "Count on {v} hours.", "{v} hours should do."]),
    Field("done finished completed is_done", "boolean", None, [("It is done.", "It is not done."), ("Done: yes.", "Done: no."), ("The work is finished.", "The work is not finished.")]),
    Field("team members participants", "array", "names", ["The team is {v}.", "Team: {v}.", "Working on it: {v}.", "{v} help.", "The members are {v}.", "With us are {v}.", "It is the work of {v}."]),
    Field("ticket id ticket_number reference", "string", values.code, ["The ticket is {v}.", "Ticket: {v}.", "Its number is {v}.", "See {v}.", "The reference is {v}.", "It is filed as {v}.", "Look it up under {v}."]),
    Field("room place location", "string", values.code, ["It is in room {v}.", "Room: {v}.", "The room is {v}.", "We meet in room {v}.", "Come to room {v}.", "Room {v} is booked.", "The door says {v}, that is the room."]),
], name=None)
BOOK = dict(subject="The book", fields=[
    Field("title book name", "string", values.title, ["The title is \"{v}\".", "The book is called \"{v}\".", "Title: {v}.", "It is \"{v}\".", "They read \"{v}\".", "On the cover: \"{v}\".", "Its title is {v}."]),
    Field("author writer written_by", "string", values.full_name, ["The author is {v}.", "It was written by {v}.", "Author: {v}.", "{v} wrote it.", "It is a work of {v}.", "The writer is {v}.", "It is by {v}."]),
    Field("year published publication_year", "integer", values.whole(1850, 2026), ["It was published in {v}.", "Year: {v}.", "It came out in {v}.", "It is from {v}.", "The year is {v}.", "It appeared in {v}.", "First printed in {v}."]),
    Field("pages page_count length", "integer", values.whole(40, 900), ["It has {v} pages.", "Pages: {v}.", "The book is {v} pages long.", "There are {v} pages.", "It runs to {v} pages.", "Read all {v} pages.", "It fills {v} pages."]),
    Field("genre kind category", "string", None, ["The genre is {v}.", "Genre: {v}.", "It is filed under {v}.", "It counts as {v}.", "It belongs to {v}.", "They call it {v}.", "Its shelf is {v}."], ["mystery", "history", "poetry", "travel", "science"]),
    Field("publisher published_by house", "string", values.company, ["It is published by {v}.", "The publisher is {v}.", "Publisher: {v}.", "{v} printed it.", "It comes from {v}.", "{v} brought it out.", "It appeared with {v}."]),
    Field("borrowed lent is_borrowed", "boolean", None, [("It is borrowed.", "It is not borrowed."), ("Borrowed: yes.", "Borrowed: no."), ("Somebody has borrowed it.", "Nobody has borrowed it.")]),
    Field("characters heroes names", "array", "names", ["The characters are {v}.", "Characters: {v}.", "In it you meet {v}.", "It is about {v}.", "The heroes are {v}.", "It tells of {v}.", "Its people are {v}."]),
], name=None)
PET = dict(subject="The animal", fields=[
    Field("name pet pet_name called", "string", lambda rng, part: rng.choice(words.share(words.PETS, part)) if rng.random() < 0.4 else words.new_name(rng, part),
          ["The animal is called {v}.", "Name: {v}.", "Its name is {v}.", "They call it {v}.", "It answers to {v}.", "Its owner named it {v}.", "Say hello to {v}."]),
    Field("species animal kind type", "string", values.of("dog cat rabbit horse hamster parrot turtle goldfish pony mouse hen goat".split()), ["It is a {v}.", "Species: {v}.", "The animal is a {v}.", "They keep a {v}.", "The patient is a {v}.", "You see a {v}.", "It is a lovely {v}."]),
    Field("age years", "integer", values.whole(1, 25), ["It is {v} years old.", "Age: {v}.", "Its age is {v}.", "It has lived for {v} years.", "It is {v}.", "It turned {v} in spring.", "It has seen {v} winters."]),
    Field("owner owner_name keeper", "string", values.full_name, ["It belongs to {v}.", "The owner is {v}.", "Owner: {v}.", "{v} takes care of it.", "{v} brought it.", "It lives with {v}.", "{v} feeds it."]),
    Field("color colour fur", "string", values.of(words.COLORS), ["It is {v}.", "Color: {v}.", "Its color is {v}.", "It looks {v}.", "Its coat is {v}.", "You know it by its {v} color.", "It is all {v}."]),
    Field("vaccinated healthy is_vaccinated", "boolean", None, [("It is vaccinated and healthy.", "It is neither vaccinated nor healthy."), ("Vaccinated and healthy: yes.", "Vaccinated and healthy: no.")]),
    Field("weight weight_kg", "number", values.price, ["It weighs {v} kg.", "Weight: {v} kg.", "Its weight is {v} kg.", "The scale shows {v} kg.", "It has {v} kg.", "It brings {v} kg on the scale.", "We noted {v} kg."]),
    Field("food eats favorite_food", "array", lambda rng, part: rng.sample(words.FOODS, rng.choice((1, 2, 3))), ["It eats {v}.", "Food: {v}.", "It likes {v}.", "It is fed {v}.", "Give it {v}.", "Its favorite food is {v}.", "It asks for {v}."]),
], name=None)
HOUSE = dict(subject="The flat", fields=[
    Field("address", "object", None, ["The flat is at {v}.", "Address: {v}.", "It is at {v}.", "You find it at {v}.", "Its address is {v}.", "Come and see it at {v}.", "It stands at {v}."]),
    Field("rooms room_count number_of_rooms", "integer", values.whole(1, 12), ["It has {v} rooms.", "Rooms: {v}.", "There are {v} rooms.", "You get {v} rooms.", "The plan shows {v} rooms.", "It is made of {v} rooms.", "It offers {v} rooms."]),
    Field("rent price monthly_rent", "integer", values.whole(200, 4000), ["The rent is {v} euros.", "Rent: {v}.", "It costs {v} a month.", "You pay {v} a month.", "The landlord asks {v}.", "Each month it is {v} dollars.", "The price is {v} a month."]),
    Field("area size square_meters", "number", values.price, ["The area is {v} square meters.", "Area: {v} square meters.", "It has {v} square meters.", "It measures {v} square meters.", "On {v} square meters there is room for all.", "It is {v} square meters large.", "You live on {v} square meters."]),
    Field("furnished is_furnished", "boolean", None, [("It is furnished.", "It is not furnished."), ("Furnished: yes.", "Furnished: no."), ("It comes furnished.", "It comes without furniture, not furnished.")]),
    Field("landlord owner contact", "string", values.full_name, ["The landlord is {v}.", "Owner: {v}.", "It belongs to {v}.", "Ask {v}.", "{v} rents it out.", "{v} owns it.", "The keys are with {v}."]),
    Field("available_from free_from move_in", "string", values.date, ["It is free from {v}.", "Available from: {v}.", "You can move in on {v}.", "It is empty from {v}.", "From {v} it is yours.", "The first day is {v}.", "It can be had from {v}."]),
    Field("floor storey", "integer", values.whole(0, 30), ["It is on floor {v}.", "Floor: {v}.", "The floor is {v}.", "Take the lift to floor {v}.", "You live on floor {v}.", "It lies on floor {v}.", "Floor {v} has a nice view."]),
], name=None)
DOMAINS = [PERSON, PERSON, ORDER, EVENT, PRODUCT, TRAVEL, MEETING, BOOK, PET, HOUSE]
ABOUT_PERSON = ["This is {v}.", "{v} is new here.", "Name: {v}.", "I met {v} yesterday.", "Let me introduce {v}.", "We spoke with {v}.", "Here is what we know about {v}.", "{v} came by today."]
FILLER = ["The weather was fine.", "Please handle this soon.", "Thank you for your help.", "More news will follow.", "Everybody was glad.", "There was some rain in the morning.", "That is all for now.", "We had coffee together.",
          "It was a long day.", "Let me know what you think.", "I will call you later.", "The rest can wait."]
OPEN = ["Hello,", "Hi there,", "Dear team,", "Good morning,", "Hi,", "A short note:"]

VERB = ["Extract", "Pull out", "Collect", "Get", "Find", "Take", "Read out", "Pick out", "List", "Gather"]
WHAT = [" the fields", " the data", " the information", " these fields", " the details", " the following fields", " the facts", " the values", " what is asked for", " the record"]
FROM = [" from the text", " from this text", " in the text below", " from the message", " from the note", " from the following text", " given in the text", " from what I wrote", " from the description", " in this message"]
AS = [" as JSON", " and answer in JSON", " and give JSON", " into a JSON object", " and write them as JSON", " and return JSON", " into JSON", " and reply with JSON", " as one JSON object", ""]
POLITE = ["", "", "", "Please ", "Could you please ", "Your task: ", "I need this: ", "Now "]
END = [".", ".", ".", ":", "!", ""]
ONLY = ["Answer with JSON only.", "Only JSON, no other text.", "Reply with the JSON object and nothing else.", "Write nothing but JSON.", "Give me just the JSON.", "No explanation, only JSON.", "Return only valid JSON.", "JSON only, please.",
        "The answer must be JSON and nothing more.", "Output: JSON.", "Respond with a JSON object.", "Just JSON."]
MISSING = ["Use null for what is missing.", "If something is not in the text, use null.", "Missing values are null.", "Write null where the text says nothing.", "What you do not find is null.", "null means: not in the text.", "Put null if a value is not given.",
           "Set unknown fields to null.", "Fields without a value are null.", "Unknown: null.", "If a field is not mentioned, its value is null.", "Leave what is not said as null."]
SCHEMA_HEAD = ["Schema:", "JSON schema:", "Use this schema:", "The answer must match this schema:", "It must follow this JSON Schema:", "Schema of the answer:", "Follow the schema:", "According to this schema:", "The schema is:", "Fill this schema:",
               "Match this:", "Here is the schema:"]
KEYS_HEAD = ["Keys:", "Fields:", "The keys are:", "Use these keys:", "I want these fields:", "Give me these keys:", "Wanted keys:", "With the keys", "The object has these keys:", "Needed:", "Please use the keys", "Fields of the object:"]
LIKE_HEAD = ["Like this:", "Example of the form:", "Use this form:", "In this form:", "The form is:", "Format:", "The answer looks like this:", "Answer in this shape:", "Template:", "Shape:", "Fill in this template:", "Form of the answer:"]
TEXT_HEAD = ["Text:", "Text:", "The text:", "Message:", "Here is the text:", "Note:", "Input:", "This is the text:", "The message:", "Read this:", "Document:", "Content:"]


def address(rng, part):
    wanted = rng.choice((("street", "city"), ("street", "city", "zip"), ("city", "street"), ("street", "zip", "city")))
    full = {"street": values.street(rng, part), "city": values.city(rng, part), "zip": values.zip_code(rng, part)}
    value = {key: full[key] for key in wanted}
    text = f"{full['street']}, {full['zip']} {full['city']}" if "zip" in wanted else f"{full['street']} in {full['city']}" if rng.random() < 0.5 else f"{full['street']}, {full['city']}"
    return value, text


def styled(rng, key, style):
    if style == "camel":
        head, *rest = key.split("_")
        return head + "".join(word.capitalize() for word in rest)
    return key


def said(template, subject, possessive, text):
    out = template.replace("{S}", subject).replace("{P}", possessive).replace("{v}", text)
    return out[:1].upper() + out[1:] if not template.startswith("{v}") else out


def value_of(rng, part, field):
    """(value, the text that says it, the schema of it)"""
    if field.options:
        value = rng.choice(field.options)
        return value, value, {"type": "string", "enum": list(field.options)}
    if field.kind == "object":
        value, text = address(rng, part)
        return value, text, {"type": "object", "properties": {key: {"type": "string"} for key in value}, "required": list(value)}
    if field.kind == "array":
        value = list(dict.fromkeys(values.first_name(rng, part) for _ in range(rng.choice((2, 2, 3))))) if field.make == "names" else field.make(rng, part)
        return value, words.listing(value), {"type": "array", "items": {"type": "string"}}
    value = field.make(rng, part)
    text = str(value)
    if field.kind == "integer" and value <= 12 and rng.random() < 0.2:
        text = sums.UNITS[value]
    return value, text, {"type": field.kind}


def sentence(rng, part, field, subject, possessive, text):
    return said(parts.of(rng, field.says, part), subject, possessive, text)


def record(rng, part):
    """(value, schema, lines of text): one record of a random shape."""
    domain = rng.choice(DOMAINS)
    fields = rng.sample(domain["fields"], min(rng.choice((1, 2, 2, 3, 3, 3, 4, 4, 5)), len(domain["fields"])))
    subject, possessive, lines, value, schema = domain["subject"], "its", [], {}, {}
    style = rng.choice(("snake", "snake", "snake", "camel"))
    items = list(fields)
    if domain["name"]:
        name = domain["name"].make(rng, part)
        lines.append(parts.of(rng, ABOUT_PERSON, part).format(v=name))
        pronoun, own = rng.choice((("she", "her"), ("he", "his")))
        subject, possessive = rng.choice(((pronoun, own), (name.split()[0], name.split()[0] + "'s"), (name, name + "'s")))
        if rng.random() < 0.85:
            items.insert(rng.choice((0, 0, 0, rng.randint(0, len(items)))), domain["name"])
    said_lines = []
    for field in items:
        key = styled(rng, rng.choice(field.keys), style)
        while key in value:
            key = styled(rng, rng.choice(field.keys), style) + "_2"
        if domain["name"] is field:
            value[key], schema[key] = name, {"type": "string"}
        elif field.kind == "boolean":
            value[key], schema[key] = rng.random() < 0.5, {"type": "boolean"}
            said_lines.append(said(rng.choice(field.says)[0 if value[key] else 1], subject, possessive, ""))
        else:
            value[key], text, schema[key] = value_of(rng, part, field)
            # A person's city stands in the address too, so it is not missing where that is told.
            if rng.random() < 0.1 and not (field.make is values.city and domain is PERSON and any(f.kind == "object" for f in items)):
                value[key] = None
                schema[key] = nullable(schema[key])
            else:
                said_lines.append(sentence(rng, part, field, subject, possessive, text))
                if rng.random() < 0.1 and field.kind != "object":
                    schema[key] = nullable(schema[key])
    # Facts nobody asks for.
    for field in rng.sample([f for f in domain["fields"] if f not in fields], rng.choice((0, 0, 1, 1, 2)) if len(fields) < len(domain["fields"]) - 2 else 0):
        if field.kind != "boolean" and not set(field.keys) & {k for f in items for k in f.keys}:
            said_lines.append(sentence(rng, part, field, subject, possessive, value_of(rng, part, field)[1]))
    rng.shuffle(said_lines)
    if not lines and not said_lines:
        said_lines.append(rng.choice(FILLER))
    return value, {"type": "object", "properties": schema, "required": list(value)}, lines + said_lines


def nullable(schema):
    kind = dict(schema)
    kind["type"] = [schema["type"], "null"]
    if "enum" in kind:
        kind["enum"] = kind["enum"] + [None]
    return kind


def people(rng, part):
    """A list of records: people with one number or place each."""
    key, inner, make, line = rng.choice((
        ("people", "age", values.whole(5, 90), ["{n} is {v} years old.", "{n} is {v}.", "{v} is the age of {n}."]),
        ("guests", "city", values.city, ["{n} comes from {v}.", "{n} lives in {v}.", "From {v} comes {n}."]),
        ("players", "points", values.whole(0, 99), ["{n} has {v} points.", "{n} made {v} points.", "{n} scored {v}."]),
        ("orders", "item", values.goods, ["{n} wants a {v}.", "{n} takes a {v}.", "A {v} is for {n}."]),
        ("team", "role", values.of("cook pilot driver painter singer doctor guard captain".split()), ["{n} is the {v}.", "{n} works as {v}.", "The {v} is {n}."])))
    out, lines = [], []
    for name in dict.fromkeys(values.first_name(rng, part) for _ in range(rng.choice((2, 2, 3, 3, 4)))):
        v = make(rng, part)
        out.append({"name": name, inner: v})
        lines.append(rng.choice(line).format(n=name, v=v))
    kind = "integer" if isinstance(out[0][inner], int) else "string"
    entry = {"type": "object", "properties": {"name": {"type": "string"}, inner: {"type": kind}}, "required": ["name", inner]}
    return {key: out}, {"type": "object", "properties": {key: {"type": "array", "items": entry}}, "required": [key]}, lines


# ---- training's own wordings: grammars instead of lists ------------------------------------------------

WIDE = 0.85
PRONOUNS = {"person": (("she", "her", "her"), ("he", "his", "him"))}
STYLES = ["snake", "snake", "snake", "camel", "camel", "kebab", "pascal", "words", "upper"]


def kept_out(field):
    """The held-out and validation wordings of a field, which training must not say."""
    texts = [t for t in field.says if isinstance(t, str)]
    return [t for part in ("valid", "held") for t in parts.dealt(texts, part)] if len(texts) >= 6 else []


# "Owner: {v}." of one field is not said of another one either, nor of what training invents.
KEPT_LABELS = {normal(t) for domain in DOMAINS for field in domain["fields"] for t in kept_out(field)} | {normal(t) for part in ("valid", "held") for t in parts.dealt(ABOUT_PERSON, part)}
WIDER = [(domain, [(field, json_grammar.Said(*json_grammar.SAYS[domain["subject"]][field.keys[0]], avoid=kept_out(field))) for field in domain["fields"]]) for domain in DOMAINS]
ABOUT_KEPT = {normal(t) for part in ("valid", "held") for t in parts.dealt(ABOUT_PERSON, part)}


def in_style(key, style):
    """A key of several words in one of the usual spellings."""
    pieces = key.replace("-", " ").replace(".", "").replace("_", " ").split()
    if style == "camel":
        return pieces[0] + "".join(p.capitalize() for p in pieces[1:])
    if style == "pascal":
        return "".join(p.capitalize() for p in pieces)
    text = {"kebab": "-", "words": " "}.get(style, "_").join(pieces)
    return text.upper() if style == "upper" else text


def ended(text):
    return text if text[-1] in ".:?!\"])" else text + "."


class Telling:
    """How one text speaks of its subject: pronouns, first names or names, drawn anew for each sentence."""

    def __init__(self, rng, forms):
        self.rng, self.forms = rng, forms

    def fill(self, template, text, label=""):
        subject, possessive, target = self.rng.choice(self.forms)
        out = template.replace("{S}", subject).replace("{P}", possessive).replace("{O}", target).replace("{l}", label)
        out = out[:1].upper() + out[1:] if not out.startswith("{v}") else out
        return out.replace("{v}", text)


def labelled(rng, said_by, telling, text, many):
    """A sentence that names the label, none of the kept-out ones."""
    while True:
        label = rng.choice(said_by.nouns)
        template = (said_by.many if many else said_by.one).pick(rng)
        if normal(template.replace("{l}", label)) not in KEPT_LABELS:
            return ended(telling.fill(template, text, label))


def bare_label(rng, said_by, text):
    """A label and the value inside a text of sentences."""
    while True:
        label = rng.choice(said_by.labels)
        if rng.random() < 0.15:
            label = rng.choice(("its ", "the ", "current ", "given ", "full ", "known ", "exact ", "main ")) + label
        if normal(label + " {v}") not in KEPT_LABELS:
            return ended(words.capital(label) + rng.choice((": ", ": ", ": ", ": ", " - ", " = ", " is ", " ")) + text)
        if len(said_by.labels) == 1:
            return ended(f"The {label} is {text}")


def told_field(rng, said_by, telling, text, kind, value):
    """One sentence about a field."""
    if kind == "boolean":
        if rng.random() < 0.2:
            return f"{words.capital(rng.choice(said_by.labels))}{rng.choice(json_grammar.MARKS)}{rng.choice(json_grammar.YES if value else json_grammar.NO)}."
        return ended(telling.fill((said_by.says if value else said_by.no).pick(rng), "", said_by.labels[0]))
    draw = rng.random()
    if draw < 0.22:
        return bare_label(rng, said_by, text)
    if said_by.says is None or said_by.plain or draw < 0.45:
        return labelled(rng, said_by, telling, text, kind == "array")
    return ended(telling.fill(said_by.says.pick(rng), text))


def joined(rng, sentences):
    """Sentences with something before them, and some of them made into one."""
    out = []
    for line in sentences:
        draw = rng.random()
        movable = line.startswith(("It ", "The ", "They ", "She ", "He ", "We ", "You ", "Its ", "Her ", "His ", "Their ", "This ", "In ", "On ", "At ", "For ", "A "))
        low = line[0].lower() + line[1:] if movable else line
        if draw < 0.14 and out and out[-1][-1] == "." and movable and "?" not in line:
            out[-1] = out[-1][:-1] + rng.choice([", and ", "; ", " and ", ", while ", ", also ", " - "]) + low
        elif draw < 0.28 and movable:
            out.append(json_grammar.LEAD.pick(rng) + low)
        else:
            out.append(line)
    return out


def listed(rng, entries):
    """A text of labels and values in one style; entries are (label, text)."""
    style, joint = rng.choice(json_grammar.LINES), rng.choice(json_grammar.JOINTS)
    if "\n" in style or style[0] in "-*>#":
        joint = "\n"
    yes = rng.choice(list(zip(json_grammar.YES, json_grammar.NO, strict=True)))
    lines = []
    for label, text in entries:
        if isinstance(text, bool):
            text = yes[0] if text else yes[1]
        lines.append(style.replace("{L}", words.capital(label)).replace("{U}", label.upper()).replace("{l}", label).replace("{v}", text))
    return joint, lines


def invented_fields(rng, part):
    """(how the subject is called, fields) of a thing nobody has heard of; a field: (words of the key, type, value maker, labels)."""
    noun, fields, taken = values.word(rng, part), [], set()
    for _ in range(rng.choice((2, 3, 3, 4, 4, 5))):
        kind = rng.choice(json_grammar.KINDS)
        if kind == "boolean":
            label = rng.choice(json_grammar.STATES)
        else:
            last = rng.choice(json_grammar.NOUNS[kind])
            draw = rng.random()
            label = values.word(rng, part) if draw < 0.2 else last if draw < 0.35 else f"{values.word(rng, part)} {last}"
        if not taken & set(label.split()):
            taken |= set(label.split())
            fields.append((label, kind))
    return noun, fields


def typed(kind):
    return {"integer": "integer", "number": "number", "boolean": "boolean", "array": "array"}.get(kind, "string")


def invented_record(rng, part):
    """As `wide_record`, of an invented thing: keys and labels say the same, and nothing else tells what they mean."""
    noun, fields = invented_fields(rng, part)
    a = rng.choice([f"the {noun}", f"the {noun}", "it", f"this {noun}", f"our {noun}"])
    telling = Telling(rng, [(a, "its" if a == "it" else a + "'s", "it" if a == "it" else a), ("it", "its", "it")])
    entries = []
    for label, kind in fields:
        said_by = json_grammar.Plain(label)
        if kind == "boolean":
            value = rng.random() < 0.5
            entries.append((label, kind, value, "", {"type": "boolean"}, said_by))
            continue
        value = json_grammar.MAKERS[kind](rng, part)
        text = words.listing(value) if isinstance(value, list) else str(value)
        schema = {"type": "array", "items": {"type": "string"}} if kind == "array" else {"type": typed(kind)}
        entries.append((label, "array" if kind == "array" else typed(kind), value, text, schema, said_by))
    return [], telling, entries, []


def known_record(rng, part):
    """(first lines, telling, entries, sentences nobody asks about) of a known domain."""
    domain, fields = rng.choice(WIDER)
    fields = rng.sample(fields, min(rng.choice((1, 2, 2, 3, 3, 3, 4, 4, 5, 6)), len(fields)))
    lines, entries = [], []
    if domain["name"]:
        name = domain["name"].make(rng, part)
        first = name.split()[0]
        gender = rng.choice(PRONOUNS["person"])
        forms = rng.choice(([gender], [(first, first + "'s", first)], [(name, name + "'s", name)], [gender, (first, first + "'s", first)], [gender, (name, name + "'s", name), (first, first + "'s", first)]))
        telling = Telling(rng, forms)
        if rng.random() < 0.85:
            while True:
                template = json_grammar.ABOUT.pick(rng)
                if normal(template) not in ABOUT_KEPT:
                    break
            lines.append(ended(telling.fill(template.replace("{P}", gender[1]), name)))
            if rng.random() < 0.85:
                entries.append(("name", "string", name, name, {"type": "string"}, None))
        else:
            entries.append(("name", "string", name, name, {"type": "string"}, json_grammar.Said("full name,person,the name,who,name in full,name of the person,first and last name,complete name,name (full),their name", None)))
    else:
        noun = domain["subject"].lower()
        telling = Telling(rng, [rng.choice((("it", "its", "it"), (noun, noun + "'s", noun), ("it", "its", "it"), ("this " + noun[4:], "its", "this " + noun[4:])))])
    for field, said_by in fields:
        key = rng.choice(field.keys) if rng.random() < 0.7 else rng.choice(said_by.labels)
        if field.kind == "boolean":
            value = rng.random() < 0.5
            entries.append((key, "boolean", value, "", {"type": "boolean"}, said_by))
        else:
            value, text, schema = value_of(rng, part, field)
            entries.append((key, field.kind, value, text, schema, said_by))
    extra = []
    asked = [f for f, _ in fields]
    some_place = any(f.make is values.city or f.kind == "object" for f in asked)
    for field, said_by in next(w for d, w in WIDER if d is domain):
        if field not in asked and field.kind != "boolean" and rng.random() < 0.12 and not set(field.keys) & {k for f in asked for k in f.keys} and not (some_place and (field.make is values.city or field.kind == "object")):
            extra.append(told_field(rng, said_by, telling, value_of(rng, part, field)[1], field.kind, None))
    return lines, telling, entries, extra


def wide_record(rng, part):
    """(value, schema, text): a record in training's own wordings."""
    known = rng.random() < 0.62
    lines, telling, entries, extra = known_record(rng, part) if known else invented_record(rng, part)
    style, value, schema, said_lines, labels = rng.choice(STYLES), {}, {}, [], []
    as_list = rng.random() < 0.25
    if not as_list:
        rng.shuffle(entries)
    objects = any(kind == "object" for _, kind, _, _, _, _ in entries)
    for name, kind, v, text, form, said_by in entries:
        key = in_style(name, style)
        while key in value:
            key += "_2"
        missing = said_by is not None and name != "name" and kind != "boolean" and rng.random() < 0.09 and not (objects and name in ("city", "home_city", "town", "home town", "home"))
        value[key], schema[key] = None if missing else v, nullable(form) if missing or kind not in ("boolean", "object") and rng.random() < 0.1 else form
        if rng.random() < 0.04 and said_by is not None:
            schema[key] = {**schema[key], "description": rng.choice(["the ", "", "its "]) + rng.choice(said_by.labels)}
        if missing:
            continue
        if as_list:
            label = rng.choice(said_by.labels) if said_by else "full name"
            if normal(label + " {v}") in KEPT_LABELS:
                label = rng.choice(["the ", "its ", "current ", "given ", "full "]) + label
            labels.append((label, v if kind == "boolean" else text))
        elif said_by is not None:
            said_lines.append(told_field(rng, said_by, telling, text, kind, v))
            if kind not in ("boolean", "object", "array") and rng.random() < 0.03:
                extra.append(ended(telling.fill(json_grammar.OLD.pick(rng), value_of_kind(rng, part, v), rng.choice(said_by.nouns))))
    whole = {"type": "object", "properties": schema, "required": list(value)}
    if as_list:
        rng.shuffle(labels)
        if not labels:
            labels.append(("note", "none"))
        joint, out = listed(rng, labels)
        return value, whole, joint.join(out)
    said_lines += extra
    rng.shuffle(said_lines)
    if not lines and not said_lines:
        said_lines.append(json_grammar.BARE.pick(rng))
    return value, whole, wide_passage(rng, part, lines + joined(rng, said_lines))


def value_of_kind(rng, part, value):
    """Another value of the same type, as text."""
    if isinstance(value, int):
        return str(value + rng.randint(1, 30))
    if isinstance(value, float):
        return str(value + rng.randint(1, 30))
    return values.word(rng, part) if value.islower() else words.new_name(rng, part)


def wide_passage(rng, part, lines):
    lines = list(lines)
    if rng.random() < 0.3:
        lines.insert(rng.randint(0, len(lines)), json_grammar.BARE.pick(rng))
    if rng.random() < 0.15:
        lines.insert(0, json_grammar.HELLO.pick(rng).replace("{n}", values.first_name(rng, part)))
    return ("\n" if rng.random() < 0.15 else " ").join(lines)


def wide_people(rng, part):
    key, inner, make, says = rng.choice(json_grammar.GROUPS)
    if rng.random() < 0.4:                                  # nobody has heard of what they have
        inner, key, says = values.word(rng, part), values.word(rng, part) + "s", json_grammar.PLAIN_EACH
        make = rng.choice((values.word, values.whole(1, 500), values.city, values.code))
    each = rng.choice(json_grammar.EACH) if rng.random() < 0.4 else None
    out, lines = [], []
    for name in dict.fromkeys(values.first_name(rng, part) for _ in range(rng.choice((1, 2, 2, 3, 3, 4, 5)))):
        v = make(rng, part)
        out.append({"name": name, inner: v})
        lines.append(each.replace("{n}", name).replace("{v}", str(v)) if each else ended(words.capital(says.pick(rng).replace("{n}", name).replace("{v}", str(v)).replace("{l}", inner))))
    kind = "integer" if isinstance(out[0][inner], int) else "string"
    entry = {"type": "object", "properties": {"name": {"type": "string"}, inner: {"type": kind}}, "required": ["name", inner]}
    text = rng.choice(["\n", "; ", "\n"]).join(lines) if each else rng.choice([" ", " ", "\n"]).join(lines)
    return {key: out}, {"type": "object", "properties": {key: {"type": "array", "items": entry}}, "required": [key]}, text


def wide_shape(rng, schema):
    form = rng.random()
    if form < 0.45:
        full = {**schema, "additionalProperties": False} if rng.random() < 0.4 else schema
        text = json.dumps(full, ensure_ascii=False, indent=2 if rng.random() < 0.15 else None, separators=None if rng.random() < 0.7 else (",", ":"))
        return json_grammar.SCHEMA_HEAD.pick(rng) + rng.choice(["\n", " "]) + text
    if form < 0.75:
        return json_grammar.KEYS_HEAD.pick(rng) + key_list(rng, schema)
    return json_grammar.LIKE_HEAD.pick(rng) + rng.choice(["\n", " "]) + json.dumps(placeholder(schema), ensure_ascii=False, separators=(",", ":") if rng.random() < 0.5 else None)


def wide_task(rng, part):
    """As `task`, in training's own wordings."""
    value, schema, text = wide_people(rng, part) if rng.random() < 0.12 else wide_record(rng, part)
    old = rng.random() < 0.35
    ask, form = fixed_case(request(rng, part)) if old else words.capital(json_grammar.ASK.pick(rng)), shape(rng, part, schema) if rng.random() < 0.4 else wide_shape(rng, schema)
    rules = []
    if rng.random() < 0.5:
        rules.append(parts.of(rng, ONLY, part) if rng.random() < 0.4 else json_grammar.ONLY.pick(rng))
    if any(v is None for v in value.values()) and rng.random() < 0.85 or rng.random() < 0.2:
        rules.append(parts.of(rng, MISSING, part) if rng.random() < 0.4 else json_grammar.MISSING.pick(rng))
    rule = " ".join(rules)
    head = parts.of(rng, TEXT_HEAD, part) if rng.random() < 0.4 else json_grammar.TEXT_HEAD.pick(rng).rstrip(" -:") + rng.choice([":", ":", ":", " -"])
    body = rng.choice([f"{head} {text}", f"{head}\n{text}", f'"{text}"' if '"' not in text else f"{head} {text}", f"{head} {text}", f"---\n{text}\n---", f"<text>\n{text}\n</text>"])
    draw = rng.random()
    if draw < 0.33:
        blocks = [p for p in (ask, form, rule) if p]
        if rng.random() < 0.25:
            rng.shuffle(blocks)
        return [("system", "\n".join(blocks)), ("user", rng.choice([text, text, text, body]))], value, schema
    blocks = [b for b in (ask, form, rule, body) if b]
    rng.shuffle(blocks)
    return [("user", rng.choice(["\n", "\n\n", "\n"]).join(blocks))], value, schema


def compact(value) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def placeholder(schema):
    kind = schema["type"]
    if isinstance(kind, list):
        return f"{kind[0]} or null" if kind[0] not in ("object", "array") else placeholder({**schema, "type": kind[0]})
    if kind == "object":
        return {key: placeholder(inner) for key, inner in schema["properties"].items()}
    if kind == "array":
        return [placeholder(schema["items"])]
    return "|".join(schema["enum"]) if "enum" in schema else kind


def key_list(rng, schema):
    """The keys in words: "name, age (integer), address {street, city}"."""
    typed, out = rng.random() < 0.5, []
    for key, inner in schema["properties"].items():
        kind = inner["type"] if isinstance(inner["type"], str) else inner["type"][0]
        if kind == "object":
            out.append(f"{key} (object with {words.listing(inner['properties'])})")
        elif kind == "array" and inner["items"]["type"] == "object":
            out.append(f"{key} (list of objects with {words.listing(inner['items']['properties'])})")
        elif "enum" in inner:
            out.append(f"{key} (one of {', '.join(o for o in inner['enum'] if o)})")
        elif kind in ("array", "boolean") or typed:
            out.append(f"{key} ({'list' if kind == 'array' else kind if kind != 'boolean' else rng.choice(['boolean', 'true or false'])})")
        else:
            out.append(key)
    if rng.random() < 0.4:
        return "\n" + "\n".join("- " + k for k in out)
    return " " + ", ".join(out)


def shape(rng, part, schema):
    """The block that says what is wanted."""
    form = rng.random()
    if form < 0.45:
        full = dict(schema)
        if rng.random() < 0.4:
            full["additionalProperties"] = False
        text = json.dumps(full, ensure_ascii=False, indent=2 if rng.random() < 0.15 else None, separators=None if rng.random() < 0.7 else (",", ":"))
        return parts.of(rng, SCHEMA_HEAD, part) + rng.choice(["\n", " "]) + text
    if form < 0.75:
        return parts.of(rng, KEYS_HEAD, part) + key_list(rng, schema)
    return parts.of(rng, LIKE_HEAD, part) + rng.choice(["\n", " "]) + json.dumps(placeholder(schema), ensure_ascii=False, separators=(",", ":") if rng.random() < 0.5 else None)


def passage(rng, lines):
    lines = list(lines)
    if rng.random() < 0.3:
        lines.insert(rng.randint(0, len(lines)), rng.choice(FILLER))
    if rng.random() < 0.12:
        lines.insert(0, rng.choice(OPEN))
    return ("\n" if rng.random() < 0.12 else " ").join(lines)


def request(rng, part):
    return values.wording(rng, part, POLITE, VERB, WHAT, FROM, AS, END)


def fixed_case(text):
    """ "Please Extract ..." -> "Please extract ..." """
    for head in POLITE:
        if head and text.startswith(head):
            return head + text[len(head)].lower() + text[len(head) + 1:]
    return text


def task(rng, part):
    """(messages without the answer, value, schema)"""
    if part == "train" and rng.random() < WIDE:
        return wide_task(rng, part)
    value, schema, lines = people(rng, part) if rng.random() < 0.1 else record(rng, part)
    ask, form, text = fixed_case(request(rng, part)), shape(rng, part, schema), passage(rng, lines)
    rules = []
    if rng.random() < 0.5:
        rules.append(parts.of(rng, ONLY, part))
    if any(v is None for v in value.values()) and rng.random() < 0.85 or rng.random() < 0.2:
        rules.append(parts.of(rng, MISSING, part))
    rule = " ".join(rules)
    head = parts.of(rng, TEXT_HEAD, part)
    body = rng.choice([f"{head} {text}", f"{head}\n{text}", f'"{text}"' if '"' not in text else f"{head} {text}", f"{head} {text}"])
    draw = rng.random()
    if draw < 0.3:                                          # rules in the system prompt, the bare text from the user
        system = "\n".join(p for p in (ask, form, rule) if p)
        return [("system", system), ("user", rng.choice([text, text, body]))], value, schema
    blocks = rng.choice([[ask, form, rule, body], [ask, rule, form, body], [body, ask, form, rule], [ask, body, form, rule], [form, ask, body, rule]])
    gap = rng.choice(["\n", "\n\n", "\n"])
    return [("user", gap.join(b for b in blocks if b))], value, schema


def make(rng, part):
    messages, value, _ = task(rng, part)
    messages.append(("assistant", compact(value)))
    if messages[0][0] == "user" and rng.random() < 0.12:
        other, value, _ = task(rng, part)
        if other[0][0] == "user":
            messages += other + [("assistant", compact(value))]
    return messages


def case(rng, part):
    messages, value, schema = task(rng, part)
    return {"task": "json", "messages": [{"role": role, "content": text} for role, text in messages], "think": False, "max_tokens": 200,
            "check": {"kind": "json", "schema": schema, "value": value}, "reference": compact(value)}
