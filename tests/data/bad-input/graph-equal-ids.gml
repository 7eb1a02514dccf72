graph [
  node [
    id 0
    label "Oslo"
    Latitude 59.91
    Longitude 10.75
  ]
  node [
    id 0
    label "Oslo"
    Latitude 59.91
    Longitude 10.75
  ]
  edge [
    source 0
    target 0
  ]
]
