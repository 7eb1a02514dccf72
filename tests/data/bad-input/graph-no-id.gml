graph [
  node [
    label "Oslo"
  ]
]
