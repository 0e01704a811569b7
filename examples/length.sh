#!/bin/sh
# A worker for `meshd map --exec 'sh examples/length.sh' --items words.txt`: the length of each item.
while IFS= read -r line; do
  item=${line##*\"item\":\"}
  item=${item%\"\}}
  printf '{"value":%d}\n' "${#item}"
done
