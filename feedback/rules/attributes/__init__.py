"""The attributes of replies that rules are about, such as case, length, lists and spelling."""
