nodes: Oslo, Stockholm
