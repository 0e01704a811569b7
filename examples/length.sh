#!/bin/sh
# A worker for `meshd map --exec 'sh examples/length.sh' --items words.txt`: each item's bytes in UTF-8.
export LC_ALL=C # or some shells count characters
while IFS= read -r line; do
  item=${line##*\"item\":\"}
  item=${item%\"\}}
  length=0
  # What JSON escapes, such as \" or \u0007, is one byte.
  while case $item in *\\*) ;; *) false ;; esac do
    plain=${item%%\\*}
    item=${item#*\\}
    case $item in u*) item=${item#u????} ;; *) item=${item#?} ;; esac
    length=$((length + ${#plain} + 1))
  done
  printf '{"value":%d}\n' "$((length + ${#item}))"
done
